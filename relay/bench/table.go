package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteTable writes the result as a table for people.
func (r *Result) WriteTable(out io.Writer) error {
	var table strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&table, "%-21s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("server", "%s", r.URL)
	row("clients", "%d of %d connected (%s), %d refused, %d stalled", r.Connected, r.Clients,
		formatOr("-", r.ConnectPerSecond, "%.0f/s"), r.Rejected, r.Stalled)
	row("events", "%d%s, %d captured", r.Events, formatOr("", r.Size, " of %d bytes"), r.Captured)
	row("deliveries", "%d, %d lost, %s repeated, %s out of order, %s altered", r.Deliveries, r.Lost,
		formatOr("-", r.Repeated, "%d"), formatOr("-", r.OutOfOrder, "%d"), formatOr("-", r.Altered, "%d"))
	row("deliveries per second", "%s", formatOr("-", r.DeliveriesPerSecond, "%.0f"))
	row("CPU per delivery", "%s in the server, %s in bench", formatOr("-", r.CPUPerDelivery, "%.2f µs"),
		formatOr("-", r.BenchCPUPerDelivery, "%.2f µs"))
	row("first client after", "%s", r.First)
	row("last client after", "%s", r.Last)
	row("first to last client", "%s", r.Spread)
	row("memory", "%s without clients (%s anonymous), %s idle, %s at peak",
		formatSize(r.Resident.Before), formatSize(r.Anonymous), formatSize(r.Resident.Idle), formatSize(r.Resident.Peak))
	row("memory per client", "%s idle, %s at peak", formatSize(r.PerClient.Idle), formatSize(r.PerClient.Peak))
	row("TCP in the kernel", "%s before, %s after (all sockets of this machine)",
		formatSize(r.TCP.Before), formatSize(r.TCP.After))
	row("closed by the server", "%s", describeCloses(r.Closed, r.Errors))
	if h := r.Herd; h != nil {
		row("herd", "%d of %d connected in %s, %d time-outs, %d refused", h.Connected, h.Clients,
			formatOr("-", h.Seconds, "%.2f s"), h.Timeouts, h.Rejected)
		row("last client before it", "%s", h.Quiet)
		row("last client during it", "%s", h.During)
	}
	if r.FirstRejection != "" {
		row("first rejection", "%s", r.FirstRejection)
	}
	if r.FirstError != "" {
		row("first error", "%s", r.FirstError)
	}
	_, err := io.WriteString(out, table.String())
	return err
}

// String returns the quantiles as times.
func (q *Quantiles) String() string {
	if q == nil {
		return "-"
	}
	in := func(us float64) time.Duration {
		return time.Duration(us * float64(time.Microsecond)).Round(100 * time.Nanosecond)
	}
	return fmt.Sprintf("p50 %v, p90 %v, p99 %v", in(q.P50), in(q.P90), in(q.P99))
}

// formatOr returns the value in this format, or none if it was not measured.
func formatOr[T any](none string, value *T, format string) string {
	if value == nil {
		return none
	}
	return fmt.Sprintf(format, *value)
}

// formatSize returns a number of bytes with its unit, or "-" if it was not measured.
func formatSize(n *int64) string {
	switch {
	case n == nil:
		return "-"
	case max(*n, -*n) < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(*n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MiB", float64(*n)/(1<<20))
	}
}
