package admin

import (
	"slices"
	"time"
)

// maxLatencies is the number of deliveries that Delivery summarizes.
const maxLatencies = 1000

// Delivery summarizes the latencies of the newest deliveries. A delivery lasts from the write of an event until the
// last live client has it.
type Delivery struct {
	Count int     `json:"count"` // number of deliveries
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Last  float64 `json:"last_ms"`
}

// summarize returns the summary of latencies, which are ordered by time. It sorts them.
func summarize(latencies []time.Duration) Delivery {
	if len(latencies) == 0 {
		return Delivery{}
	}
	last := latencies[len(latencies)-1]
	slices.Sort(latencies)
	percentile := func(p int) float64 { return milliseconds(latencies[(len(latencies)*p+99)/100-1]) }
	return Delivery{Count: len(latencies), P50: percentile(50), P99: percentile(99), Last: milliseconds(last)}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
