package admin

import (
	"net/http"
	"slices"
	"time"
)

const (
	// sampleInterval is the time between two samples.
	sampleInterval = 5 * time.Second

	// maxSamples is the number of samples of one hour.
	maxSamples = int(time.Hour / sampleInterval)

	// dailyStep is the number of samples of which one is kept for a day: one in two minutes.
	dailyStep = 24

	// maxDaily is the number of samples that are kept for a day.
	maxDaily = int(24 * time.Hour / (dailyStep * sampleInterval))
)

// Sample is the state of the relay at one time, for the charts of the status page.
type Sample struct {
	Time     time.Time `json:"time"`
	Clients  int       `json:"clients"`
	Sent     uint64    `json:"sent"`     // new events since the start
	Messages uint64    `json:"messages"` // events written to clients since the start
	Closed   uint64    `json:"closed"`   // closed connections since the start
	Rejected uint64    `json:"rejected"` // rejected and dropped connections since the start
	Delivery Delivery  `json:"delivery"`
}

// serveTrend answers with the samples of the last hour, or of the last day with ?range=day. With ?after=TIME (RFC
// 3339), it leaves out the samples up to that time, so that a page asks for the new ones only.
func (m *Monitor) serveTrend(w http.ResponseWriter, r *http.Request) {
	query, samples := r.URL.Query(), m.samples
	if query.Get("range") == "day" {
		samples = m.daily
	}
	all := samples.all()
	if after, err := time.Parse(time.RFC3339Nano, query.Get("after")); err == nil {
		all = slices.DeleteFunc(all, func(s Sample) bool { return !s.Time.After(after) })
	}
	writeJSON(w, all)
}

func sum(counts map[string]uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}
