package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// result has the values of the result of "wpre-relay bench" that this program uses. A value that was not measured is
// nil.
type result struct {
	Clients        int            `json:"clients"`
	Stalled        int            `json:"stalled"`
	Connected      int            `json:"connected"`
	Rejected       int            `json:"refused"`
	FirstRejection string         `json:"first_refusal"`
	Connect        *float64       `json:"connect_per_second"`
	Events         int            `json:"events"`
	Captured       int            `json:"captured"`
	Deliveries     uint64         `json:"deliveries"`
	Lost           uint64         `json:"lost"`
	Repeated       *uint64        `json:"repeated"`
	OutOfOrder     *uint64        `json:"out_of_order"`
	Altered        *float64       `json:"altered"`
	Size           int            `json:"size"`
	Errors         int            `json:"errors"`
	FirstError     string         `json:"first_error"`
	Closed         map[string]int `json:"ended"` // by close code
	Throughput     *float64       `json:"deliveries_per_second"`
	CPU            *float64       `json:"cpu_per_delivery_us"`
	First          *quantiles     `json:"first_us"`
	Last           *quantiles     `json:"last_us"`
	Herd           *herd          `json:"herd"`
	RSS            memory         `json:"rss_bytes"`
	Anonymous      *float64       `json:"anon_bytes"` // of RSS.Before
	PerClient      memory         `json:"client_bytes"`
	TCP            struct {
		Before, After *float64
	} `json:"tcp_kernel_bytes"`
}

type quantiles struct{ P50, P90, P99 float64 }

type memory struct{ Before, Idle, Peak *float64 }

// check returns an error if the server failed under load l. A server may close only clients that never read.
func (r *result) check(l load) error {
	closed := 0
	for n := range maps.Values(r.Closed) {
		closed += n
	}
	switch {
	case r.Rejected > 0:
		return fmt.Errorf("%d connections were rejected: %s", r.Rejected, r.FirstRejection)
	case r.Connected < r.Clients:
		return fmt.Errorf("only %d of %d clients were connected", r.Connected, r.Clients)
	case r.Herd != nil && r.Herd.Connected < r.Herd.Clients:
		return fmt.Errorf("only %d of the herd's %d clients were connected", r.Herd.Connected, r.Herd.Clients)
	case r.Errors > 0:
		return fmt.Errorf("the protocol was violated on %d connections: %s", r.Errors, r.FirstError)
	case closed > r.Stalled:
		return fmt.Errorf("%d connections were closed, codes %v", closed, slices.Sorted(maps.Keys(r.Closed)))
	case r.Deliveries == 0 && !l.NoWait:
		return errors.New("no event was delivered")
	}
	return nil
}

// checkRelay returns an error if the relay broke its guarantee: every event that it can read reaches every client
// that reads, as written, once and in order. With NoWait, some events are overwritten before they can be read.
func (r *result) checkRelay(l load) error {
	overwritten := uint64(0)
	if l.NoWait {
		overwritten = uint64((r.Events - r.Captured) * (r.Clients - r.Stalled))
	}
	switch {
	case r.Lost > overwritten:
		return fmt.Errorf("%d deliveries were lost", r.Lost-overwritten)
	case r.Repeated != nil && *r.Repeated > 0:
		return fmt.Errorf("%d deliveries were repeated", *r.Repeated)
	case r.Altered != nil && *r.Altered > 0:
		return fmt.Errorf("%v messages were not as written", *r.Altered)
	case r.OutOfOrder != nil && *r.OutOfOrder > 0:
		return fmt.Errorf("%d deliveries were out of order", *r.OutOfOrder)
	}
	return nil
}
