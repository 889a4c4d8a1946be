package admin

import (
	"slices"
	"sync"
	"time"
)

const (
	// sampleEvery is the time between two samples.
	sampleEvery = 5 * time.Second

	// maxSamples are those of an hour.
	maxSamples = int(time.Hour / sampleEvery)
)

// Sample is how the relay stood at one time.
type Sample struct {
	Time     time.Time `json:"time"`
	Clients  int       `json:"clients"`
	Sent     uint64    `json:"sent"` // new events since the start
	Delivery Delivery  `json:"delivery"`
}

// trend is the samples of the last hour.
type trend struct {
	mu      sync.Mutex
	samples []Sample // oldest first; guarded by mu
}

func (t *trend) add(s Sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.samples) == maxSamples {
		t.samples = slices.Delete(t.samples, 0, 1)
	}
	t.samples = append(t.samples, s)
}

func (t *trend) all() []Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.samples)
}
