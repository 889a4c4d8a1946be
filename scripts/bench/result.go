package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// result is what "wpre-relay bench" finds out, as far as it is used here. What was not measured is nil.
type result struct {
	Clients    int            `json:"clients"`
	Stalled    int            `json:"stalled"`
	Connected  int            `json:"connected"`
	Refused    int            `json:"refused"`
	Refusal    string         `json:"first_refusal"`
	Connect    *float64       `json:"connect_per_second"`
	Events     int            `json:"events"`
	Captured   int            `json:"captured"`
	Deliveries uint64         `json:"deliveries"`
	Lost       uint64         `json:"lost"`
	Repeated   *uint64        `json:"repeated"`
	OutOfOrder *uint64        `json:"out_of_order"`
	Errors     int            `json:"errors"`
	Error      string         `json:"first_error"`
	Ended      map[string]int `json:"ended"` // by close code
	Throughput *float64       `json:"deliveries_per_second"`
	CPU        *float64       `json:"cpu_per_delivery_us"`
	First      *quantiles     `json:"first_us"`
	Last       *quantiles     `json:"last_us"`
	RSS        memory         `json:"rss_bytes"`
	PerClient  memory         `json:"client_bytes"`
	TCP        struct {
		Before, After *float64
	} `json:"tcp_kernel_bytes"`
}

type quantiles struct{ P50, P99 float64 }

type memory struct{ Idle, Peak *float64 }

// check returns what the server did that none may do under load l. Only clients that never read may be turned out.
func (r *result) check(l load) error {
	ended := 0
	for n := range maps.Values(r.Ended) {
		ended += n
	}
	switch {
	case r.Refused > 0:
		return fmt.Errorf("%d connections were refused: %s", r.Refused, r.Refusal)
	case r.Connected < r.Clients:
		return fmt.Errorf("only %d of %d clients got in", r.Connected, r.Clients)
	case r.Errors > 0:
		return fmt.Errorf("the protocol was broken on %d connections: %s", r.Errors, r.Error)
	case ended > r.Stalled:
		return fmt.Errorf("%d connections were closed, codes %v", ended, slices.Sorted(maps.Keys(r.Ended)))
	case r.Deliveries == 0 && !l.NoWait:
		return errors.New("nothing was delivered")
	}
	return nil
}

// checkRelay returns how the server fell short of what the relay promises: every event that it could read reaches
// every client that reads, once and in order. Without waiting, some are overwritten before anyone could read them.
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
	case r.OutOfOrder != nil && *r.OutOfOrder > 0:
		return fmt.Errorf("%d deliveries were out of order", *r.OutOfOrder)
	}
	return nil
}
