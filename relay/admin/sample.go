package admin

import "time"

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
