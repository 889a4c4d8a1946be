package main

import (
	"fmt"
	"math"
	"strconv"
)

// column is a figure of the report.
type column struct {
	head   string
	of     func(*result) *float64 // nil if it was not measured
	format func(float64) string
	plain  bool // not compared
}

var (
	cpu          = column{head: "CPU a delivery", of: func(r *result) *float64 { return r.CPU }, format: duration}
	throughput   = column{head: "deliveries/s", of: func(r *result) *float64 { return r.Throughput }, format: number}
	connectRate  = column{head: "connects/s", of: func(r *result) *float64 { return r.Connect }, format: number}
	firstP50     = column{head: "first client p50", of: func(r *result) *float64 { return r.First.p50() }, format: duration}
	firstP99     = column{head: "first client p99", of: func(r *result) *float64 { return r.First.p99() }, format: duration}
	lastP50      = column{head: "last client p50", of: func(r *result) *float64 { return r.Last.p50() }, format: duration}
	lastP99      = column{head: "last client p99", of: func(r *result) *float64 { return r.Last.p99() }, format: duration}
	idleMemory   = column{head: "idle memory a client", of: func(r *result) *float64 { return r.PerClient.Idle }, format: size}
	peakMemory   = column{head: "peak memory a client", of: func(r *result) *float64 { return r.PerClient.Peak }, format: size}
	peakRSS      = column{head: "peak memory", of: func(r *result) *float64 { return r.RSS.Peak }, format: size}
	kernelMemory = column{head: "kernel's memory for TCP", of: (*result).kernelGrowth, format: size, plain: true}
	captured     = column{head: "captured", of: (*result).capturedShare, format: percent}
	lost         = column{head: "lost", of: (*result).lostShare, format: percent, plain: true}
)

func (q *quantiles) p50() *float64 {
	if q == nil {
		return nil
	}
	return &q.P50
}

func (q *quantiles) p99() *float64 {
	if q == nil {
		return nil
	}
	return &q.P99
}

func (r *result) capturedShare() *float64 { return share(float64(r.Captured), float64(r.Events)) }

func (r *result) lostShare() *float64 { return share(float64(r.Lost), float64(r.Lost+r.Deliveries)) }

// kernelGrowth leaves out what others' connections hold all the while.
func (r *result) kernelGrowth() *float64 {
	if r.TCP.Before == nil || r.TCP.After == nil {
		return nil
	}
	return new(*r.TCP.After - *r.TCP.Before)
}

func share(part, whole float64) *float64 {
	if whole == 0 {
		return nil
	}
	return new(part / whole)
}

// duration writes microseconds.
func duration(us float64) string {
	if us < 1000 {
		return number(us) + " µs"
	}
	return number(us/1000) + " ms"
}

// size writes bytes.
func size(bytes float64) string {
	if bytes < 1<<20 {
		return number(bytes/(1<<10)) + " KiB"
	}
	return number(bytes/(1<<20)) + " MiB"
}

func percent(share float64) string {
	if share == 0 {
		return "0"
	}
	return number(100*share) + " %"
}

// number writes v with three significant digits, two of them behind the point at most.
func number(v float64) string {
	switch {
	case v < 0:
		return "-" + number(-v)
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	default:
		unit := math.Pow(10, math.Floor(math.Log10(v))-2)
		return grouped(strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64))
	}
}

// grouped puts commas between the thousands.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
