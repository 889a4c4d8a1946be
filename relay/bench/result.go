package bench

import (
	"encoding/json"
	"io"
)

// Result is what a run found out. A figure that was not measured is nil. All that counts clients means those that
// Options.Clients asks for, but for Refused, Ended and Errors, which count visitors, too.
type Result struct {
	URL       string `json:"url"`
	Clients   int    `json:"clients"`
	Stalled   int    `json:"stalled"`
	Connected int    `json:"connected"`
	Rejected  int    `json:"refused"`

	// ConnectPerSecond counts from the first connection to the last one's answer.
	ConnectPerSecond *float64 `json:"connect_per_second"`

	Events     int     `json:"events"`
	Captured   int     `json:"captured"` // events that came to at least one client
	Size       *int    `json:"size"`
	Deliveries uint64  `json:"deliveries"`
	Lost       uint64  `json:"lost"`
	Repeated   *uint64 `json:"repeated"`
	OutOfOrder *uint64 `json:"out_of_order"` // deliveries behind that of a newer event

	Errors int         `json:"errors"` // connections on which the server broke the protocol
	Closed map[int]int `json:"ended"`  // connections that the server ended, by the code of its close frame, 1006 for none

	// DeliveriesPerSecond is over the time during which an event was on its way.
	DeliveriesPerSecond *float64 `json:"deliveries_per_second"`

	// The CPU time of the server and of the clients, in microseconds. Where the second is near the first, or the cores
	// are few, the clients slow the server down.
	CPUPerDelivery      *float64 `json:"cpu_per_delivery_us"`
	BenchCPUPerDelivery *float64 `json:"bench_cpu_per_delivery_us"`

	First  *Quantiles `json:"first_us"`  // from the write of an event to its arrival at the first client
	Last   *Quantiles `json:"last_us"`   // to its arrival at the last one
	Spread *Quantiles `json:"spread_us"` // from the first client to the last

	Resident  Memory    `json:"rss_bytes"`    // of the server
	PerClient Growth    `json:"client_bytes"` // of that, divided by Connected
	TCP       TCPMemory `json:"tcp_kernel_bytes"`

	// What the server said to the first client that it refused, and the first breach of the protocol; else empty.
	FirstRejection string `json:"first_refusal,omitempty"`
	FirstError     string `json:"first_error,omitempty"`
}

// Quantiles are of times, in microseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// Memory is resident memory, in bytes: before the first client connects, before the first event, and the most that
// there was since the process began.
type Memory struct {
	Before *int64 `json:"before"`
	Idle   *int64 `json:"idle"`
	Peak   *int64 `json:"peak"`
}

// Growth is what Memory has grown by since the first moment.
type Growth struct {
	Idle *int64 `json:"idle"`
	Peak *int64 `json:"peak"`
}

// TCPMemory is what the kernel holds for all TCP sockets of the machine, in bytes: before the first client connects,
// and after the last event. On loopback that is both ends of each connection.
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
