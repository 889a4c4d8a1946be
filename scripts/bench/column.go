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
	cpuPerByte   = column{"CPU per byte", (*result).cpuPerByte, formatNanoseconds, false}
	throughput   = column{"deliveries/s", func(r *result) *float64 { return r.Throughput }, formatNumber, false}
	connectRate  = column{"connects/s", func(r *result) *float64 { return r.Connect }, formatNumber, false}
	firstP50     = column{"first client p50", func(r *result) *float64 { return r.First.p50() }, formatDuration, false}
	lastP50      = column{"last client p50", func(r *result) *float64 { return r.Last.p50() }, formatDuration, false}
	lastP90      = column{"last client p90", func(r *result) *float64 { return r.Last.p90() }, formatDuration, false}
	lastP99      = column{"last client p99", func(r *result) *float64 { return r.Last.p99() }, formatDuration, false}
	idleMemory   = column{"idle memory per client", (*result).idlePerClient, formatSize, false}
	peakMemory   = column{"peak memory per client", (*result).peakPerClient, formatSize, false}
	peakRSS      = column{"peak memory", func(r *result) *float64 { return r.RSS.Peak }, formatSize, false}
	kernelMemory = column{"kernel's memory for TCP", (*result).kernelGrowth, formatSize, true}
	captured     = column{"captured", (*result).capturedShare, formatPercent, false}
	lost         = column{"lost", (*result).lostShare, formatPercent, true}
	altered      = column{"not as written", func(r *result) *float64 { return r.Altered }, formatCount, true}

	emptyMemory    = column{"memory without clients", func(r *result) *float64 { return r.RSS.Before }, formatSize, true}
	emptyAnonymous = column{"anonymous", func(r *result) *float64 { return r.Anonymous }, formatSize, true}

	herdTime      = column{"all connected after", ofHerd((*herd).herdTime), formatDuration, false}
	herdTimeouts  = column{"time-outs", ofHerd(func(h *herd) *float64 { return h.Timeouts }), formatCount, true}
	herdRejected  = column{"rejected", ofHerd(func(h *herd) *float64 { return h.Rejected }), formatCount, true}
	quietP50      = column{"p50 before", ofHerd(func(h *herd) *float64 { return h.Quiet.p50() }), formatDuration, false}
	duringP50     = column{"p50 then", ofHerd(func(h *herd) *float64 { return h.During.p50() }), formatDuration, false}
	quietP99      = column{"p99 before", ofHerd(func(h *herd) *float64 { return h.Quiet.p99() }), formatDuration, false}
	duringP99     = column{"p99 then", ofHerd(func(h *herd) *float64 { return h.During.p99() }), formatDuration, false}
	duringToQuiet = column{"then / before", ofHerd((*herd).duringToQuiet), formatNumber, true}
)

func (q *quantiles) p50() *float64 {
	if q == nil {
		return nil
	}
	return &q.P50
}

func (q *quantiles) p90() *float64 {
	if q == nil {
		return nil
	}
	return &q.P90
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

// cpuPerByte returns the CPU time of one byte to one client, in microseconds.
func (r *result) cpuPerByte() *float64 {
	if r.CPU == nil {
		return nil
	}
	return ratio(*r.CPU, float64(r.Size))
}

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
	switch {
	case us < 1000:
		return formatNumber(us) + " µs"
	case us < 1e6:
		return formatNumber(us/1000) + " ms"
	default:
		return formatNumber(us/1e6) + " s"
	}
}

// formatNanoseconds returns a number of microseconds as nanoseconds.
func formatNanoseconds(us float64) string { return formatNumber(us*1000) + " ns" }

func formatCount(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// formatSize returns a number of bytes with its unit.
func formatSize(bytes float64) string {
	if bytes < 1<<20 {
		return formatNumber(bytes/(1<<10)) + " KiB"
	}
	return formatNumber(bytes/(1<<20)) + " MiB"
}

// formatBytes returns the size of an event with its unit.
func formatBytes(n int) string {
	if n < kib {
		return strconv.Itoa(n) + " B"
	}
	return strconv.Itoa(n/kib) + " KiB"
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
