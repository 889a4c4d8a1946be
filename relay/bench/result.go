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

	// Altered is the number of messages that equal no written event: torn, mixed from two events, or a greeting. White
	// space between JSON tokens is ignored. Such a message is not a delivery.
	Altered *uint64 `json:"altered"`

	Errors int         `json:"errors"` // connections on which the server violated the protocol
	Closed map[int]int `json:"ended"`  // connections that the server closed, by close code; 1006 without a close frame

	// DeliveriesPerSecond is the rate over the time during which at least one event was being delivered.
	DeliveriesPerSecond *float64 `json:"deliveries_per_second"`

	// CPUPerDelivery and BenchCPUPerDelivery are the CPU times of the server and of the clients in microseconds. The
	// clients slow the server down if the second is near the first, or if the machine has few cores. Both are nil with
	// Settings.Herd, because connecting takes most of the time.
	CPUPerDelivery      *float64 `json:"cpu_per_delivery_us"`
	BenchCPUPerDelivery *float64 `json:"bench_cpu_per_delivery_us"`

	First  *Quantiles `json:"first_us"`  // from the write of an event to its arrival at the first client
	Last   *Quantiles `json:"last_us"`   // to its arrival at the last one
	Spread *Quantiles `json:"spread_us"` // from the first client to the last

	Herd *Herd `json:"herd"` // nil without Settings.Herd

	Resident  Memory    `json:"rss_bytes"`    // of the server
	Anonymous *int64    `json:"anon_bytes"`   // of Resident.Before, the part that is not backed by a file
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
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// Herd is the result of clients that connect all at once.
type Herd struct {
	Clients   int `json:"clients"`
	Connected int `json:"connected"`
	Timeouts  int `json:"timeouts"` // handshakes without a response in 10 seconds; the client then tries again
	Rejected  int `json:"refused"`  // other handshakes that failed; the client tries again 10 seconds after it started

	// Seconds is the time from the first connection until all clients were connected, nil if some never were.
	Seconds *float64 `json:"seconds"`

	// Quiet and During are like Result.Last, of the events that were written before the first connection of the herd, and
	// from there until all were connected.
	Quiet  *Quantiles `json:"quiet_us"`
	During *Quantiles `json:"during_us"`
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
