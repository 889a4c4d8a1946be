package bench

import (
	"time"

	"wpre-relay/relay/bench/stats"
)

// result returns the result of the run so far.
func (r *run) result() *Result {
	connections, sum := &r.clients.connections, r.clients.recorder.Summary()
	result := &Result{
		URL:              r.opts.URL.String(),
		Clients:          r.opts.Clients,
		Stalled:          r.opts.Stalled,
		Connected:        connections.connected,
		Rejected:         connections.rejected,
		ConnectPerSecond: rate(uint64(connections.connected), r.connectTime),
		Events:           sum.Events,
		Captured:         sum.Captured,
		Deliveries:       sum.Deliveries,
		Lost:             sum.Lost,
		Errors:           connections.violations,
		Closed:           connections.closed,

		DeliveriesPerSecond: rate(sum.Deliveries, sum.Busy),
		CPUPerDelivery:      microseconds(perUnit(growth(r.idle.cpu, r.after.cpu), sum.Deliveries)),
		BenchCPUPerDelivery: microseconds(perUnit(growth(r.idle.bench, r.after.bench), sum.Deliveries)),
		Spread:              quantiles(sum.Spread),

		Resident:  Memory{Before: r.before.resident, Idle: r.idle.resident, Peak: r.after.peak},
		Anonymous: r.before.anonymous,
		PerClient: r.growthPerClient(),
		TCP:       TCPMemory{Before: r.before.tcp, After: r.after.tcp},
	}
	if !r.opts.external() {
		result.Size = &r.opts.Size
		result.Repeated, result.OutOfOrder, result.Altered = &sum.Repeated, &sum.OutOfOrder, &r.clients.altered
		result.First, result.Last = quantiles(sum.First), quantiles(sum.Last)
	}
	if r.herd != nil {
		result.Herd = r.herd.result(&r.clients.recorder)
		result.CPUPerDelivery, result.BenchCPUPerDelivery = nil, nil
	}
	if first := r.firstRejection(); first != nil {
		result.FirstRejection = first.Error()
	}
	if connections.firstViolation != nil {
		result.FirstError = connections.firstViolation.Error()
	}
	return result
}

// firstRejection returns why the first client was rejected, or else the first of the herd; nil if none was.
func (r *run) firstRejection() error {
	if first := r.clients.connections.firstRejection; first != nil || r.herd == nil {
		return first
	}
	return r.herd.set.connections.firstRejection
}

// growthPerClient returns the growth of the server's memory, divided by the number of clients.
func (r *run) growthPerClient() Growth {
	per := func(then *int64) *int64 {
		grown := perUnit(growth(r.before.resident, then), uint64(r.clients.connections.connected))
		if grown == nil {
			return nil
		}
		return new(int64(*grown))
	}
	return Growth{Idle: per(r.idle.resident), Peak: per(r.after.peak)}
}

// rate returns n per second, or nil if n or the time is 0.
func rate(n uint64, in time.Duration) *float64 {
	if n == 0 || in <= 0 {
		return nil
	}
	return new(float64(n) / in.Seconds())
}

// microseconds converts nanoseconds to microseconds.
func microseconds(ns *float64) *float64 {
	if ns == nil {
		return nil
	}
	return new(*ns / 1000)
}

// quantiles returns the quantiles of times, which are in ascending order, or nil if there are none.
func quantiles(times []time.Duration) *Quantiles {
	if len(times) == 0 {
		return nil
	}
	in := func(q float64) float64 { return float64(stats.Quantile(times, q)) / 1000 }
	return &Quantiles{P50: in(0.5), P90: in(0.9), P99: in(0.99)}
}
