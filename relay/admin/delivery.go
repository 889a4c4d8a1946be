package admin

import (
	"slices"
	"time"
)

// maxDelays is how many deliveries are remembered.
const maxDelays = 1000

// Delivery says how long the last deliveries took, from an event's being written until it was given to the last client
// that was caught up.
type Delivery struct {
	Count int     `json:"count"` // those that this is about
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Last  float64 `json:"last_ms"`
}

// deliveryOf sums up how long deliveries took, of which the last is the newest.
func deliveryOf(took []time.Duration) Delivery {
	if len(took) == 0 {
		return Delivery{}
	}
	last := took[len(took)-1]
	slices.Sort(took)
	rank := func(percent int) float64 { return milliseconds(took[(len(took)*percent+99)/100-1]) }
	return Delivery{Count: len(took), P50: rank(50), P99: rank(99), Last: milliseconds(last)}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
