package bench

import (
	"encoding/json"
	"io"
)

// Result is the result of a run. A value that was not measured is nil. Counts of clients mean the clients of
// Settings.Clients, except Rejected, Closed and Errors, which also count the clients of Settings.Churn.
type Result struct {
	URL       string `json:"url"`
	Clients   int    `json:"clients"`
	Stalled   int    `json:"stalled"`
	Connected int    `json:"connected"`
	Rejected  int    `json:"refused"`

	// ConnectPerSecond is the rate from the first connection to the last response.
	ConnectPerSecond *float64 `json:"connect_per_second"`

	Events     int     `json:"events"`
	Captured   int     `json:"captured"` // events that reached at least one client
	Size       *int    `json:"size"`
	Deliveries uint64  `json:"deliveries"`
	Lost       uint64  `json:"lost"`
	Repeated   *uint64 `json:"repeated"`
	OutOfOrder *uint64 `json:"out_of_order"` // deliveries of an event after a newer one

	Errors int         `json:"errors"` // connections on which the server violated the protocol
	Closed map[int]int `json:"ended"`  // connections that the server closed, by close code; 1006 without a close frame

	// DeliveriesPerSecond is the rate over the time during which at least one event was being delivered.
	DeliveriesPerSecond *float64 `json:"deliveries_per_second"`

	// CPUPerDelivery and BenchCPUPerDelivery are the CPU times of the server and of the clients in microseconds. The
	// clients slow the server down if the second is near the first, or if the machine has few cores.
	CPUPerDelivery      *float64 `json:"cpu_per_delivery_us"`
	BenchCPUPerDelivery *float64 `json:"bench_cpu_per_delivery_us"`

	First  *Quantiles `json:"first_us"`  // from the write of an event to its arrival at the first client
	Last   *Quantiles `json:"last_us"`   // to its arrival at the last one
	Spread *Quantiles `json:"spread_us"` // from the first client to the last

	Resident  Memory    `json:"rss_bytes"`    // of the server
	PerClient Growth    `json:"client_bytes"` // of that, divided by Connected
	TCP       TCPMemory `json:"tcp_kernel_bytes"`

	// FirstRejection is the server's response to the first client that it rejected. FirstError is the first protocol
	// violation. Both are empty if there is none.
	FirstRejection string `json:"first_refusal,omitempty"`
	FirstError     string `json:"first_error,omitempty"`
}

// Quantiles are quantiles of times, in microseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// Memory is resident memory in bytes: before the first client connects, before the first event, and the peak since
// the process started.
type Memory struct {
	Before *int64 `json:"before"`
	Idle   *int64 `json:"idle"`
	Peak   *int64 `json:"peak"`
}

// Growth is the growth of Memory since before the first client.
type Growth struct {
	Idle *int64 `json:"idle"`
	Peak *int64 `json:"peak"`
}

// TCPMemory is the kernel's memory for all TCP sockets of the machine in bytes: before the first client connects, and
// after the last event. A connection over loopback counts twice, once for each end.
type TCPMemory struct {
	Before *int64 `json:"before"`
	After  *int64 `json:"after"`
}

// WriteJSON writes the result as one JSON object.
func (r *Result) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
