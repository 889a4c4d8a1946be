package main

import (
	"fmt"
	"math"
	"strconv"
)

// column is a column of the report.
type column struct {
	head     string
	value    func(*result) *float64 // returns nil if the value was not measured
	format   func(float64) string
	absolute bool // do not show the ratio to the base
}

var (
	cpu          = column{"CPU per delivery", func(r *result) *float64 { return r.CPU }, formatDuration, false}
	throughput   = column{"deliveries/s", func(r *result) *float64 { return r.Throughput }, formatNumber, false}
	connectRate  = column{"connects/s", func(r *result) *float64 { return r.Connect }, formatNumber, false}
	firstP50     = column{"first client p50", func(r *result) *float64 { return r.First.p50() }, formatDuration, false}
	firstP99     = column{"first client p99", func(r *result) *float64 { return r.First.p99() }, formatDuration, false}
	lastP50      = column{"last client p50", func(r *result) *float64 { return r.Last.p50() }, formatDuration, false}
	lastP99      = column{"last client p99", func(r *result) *float64 { return r.Last.p99() }, formatDuration, false}
	idleMemory   = column{"idle memory per client", (*result).idlePerClient, formatSize, false}
	peakMemory   = column{"peak memory per client", (*result).peakPerClient, formatSize, false}
	peakRSS      = column{"peak memory", func(r *result) *float64 { return r.RSS.Peak }, formatSize, false}
	kernelMemory = column{"kernel's memory for TCP", (*result).kernelGrowth, formatSize, true}
	captured     = column{"captured", (*result).capturedShare, formatPercent, false}
	lost         = column{"lost", (*result).lostShare, formatPercent, true}
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

func (r *result) idlePerClient() *float64 { return r.PerClient.Idle }

func (r *result) peakPerClient() *float64 { return r.PerClient.Peak }

func (r *result) capturedShare() *float64 { return ratio(float64(r.Captured), float64(r.Events)) }

func (r *result) lostShare() *float64 { return ratio(float64(r.Lost), float64(r.Lost+r.Deliveries)) }

// kernelGrowth returns the growth of the kernel's memory for TCP, which excludes connections of other programs.
func (r *result) kernelGrowth() *float64 {
	if r.TCP.Before == nil || r.TCP.After == nil {
		return nil
	}
	return new(*r.TCP.After - *r.TCP.Before)
}

func ratio(part, whole float64) *float64 {
	if whole == 0 {
		return nil
	}
	return new(part / whole)
}

// formatDuration returns a number of microseconds with its unit.
func formatDuration(us float64) string {
	if us < 1000 {
		return formatNumber(us) + " µs"
	}
	return formatNumber(us/1000) + " ms"
}

// formatSize returns a number of bytes with its unit.
func formatSize(bytes float64) string {
	if bytes < 1<<20 {
		return formatNumber(bytes/(1<<10)) + " KiB"
	}
	return formatNumber(bytes/(1<<20)) + " MiB"
}

func formatPercent(share float64) string {
	if share == 0 {
		return "0"
	}
	return formatNumber(100*share) + " %"
}

// formatNumber returns v with three significant digits and at most two decimals.
func formatNumber(v float64) string {
	switch {
	case v < 0:
		return "-" + formatNumber(-v)
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	default:
		unit := math.Pow(10, math.Floor(math.Log10(v))-2)
		return groupThousands(strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64))
	}
}

// groupThousands inserts commas between the thousands.
func groupThousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
