package admin

import "time"

const (
	// sampleInterval is the time between two samples.
	sampleInterval = 5 * time.Second

	// maxSamples is the number of samples of one hour.
	maxSamples = int(time.Hour / sampleInterval)
)

// Sample is the state of the relay at one time, for the charts of the status page.
type Sample struct {
	Time     time.Time `json:"time"`
	Clients  int       `json:"clients"`
	Sent     uint64    `json:"sent"` // new events since the start
	Delivery Delivery  `json:"delivery"`
}
