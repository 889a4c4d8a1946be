package main

import (
	"fmt"
	"io"
	"slices"
)

// summaryRow is a row of the summary: one column of one scenario under one load.
type summaryRow struct {
	title, scenario, load string
	column                column
}

var summaryRows = []summaryRow{
	{"file → 1 client p50, tmpfs", "latency", "tmpfs", lastP50},
	{"file → 1 client p90, tmpfs", "latency", "tmpfs", lastP90},
	{"file → 1 client p50, ext4", "latency", "ext4", lastP50},
	{"file → 1 client p90, ext4", "latency", "ext4", lastP90},
	{"captured without a pause", "capture", "0 µs", captured},
	{"captured, pause 50 µs", "capture", "50 µs", captured},
	{"captured, pause 100 µs", "capture", "100 µs", captured},
	{"captured, pause 200 µs", "capture", "200 µs", captured},
	{"not as written, no pause", "capture", "0 µs", altered},
	{"CPU per delivery, 1,000 clients", "delivery", "1,000", cpu},
	{"CPU per delivery, 10,000 clients", "delivery", "10,000", cpu},
	{"last of 10,000 clients p50", "delivery", "10,000", lastP50},
	{"connects per second", "delivery", "10,000", connectRate},
	{"idle memory per client", "delivery", "10,000", idleMemory},
	{"15,000 at once: all connected after", "herd", "15,000", herdTime},
	{"15,000 at once: time-outs", "herd", "15,000", herdTimeouts},
	{"15,000 at once: events captured", "herd", "15,000", captured},
	{"10,000 at once: p99 of others, then / before", "herd", "10,000", duringToQuiet},
	{"TLS: CPU per delivery", "tls", "", cpu},
	{"TLS: idle memory per client", "tls", "", idleMemory},
	{"memory without clients", "latency", "tmpfs", emptyMemory},
	{"of that, anonymous", "latency", "tmpfs", emptyAnonymous},
}

// writeSummary writes one table of the most important values of all scenarios that were run, if there are any.
func (c *campaign) writeSummary(out io.Writer, all []scenario, servers []server) {
	measured := func(row summaryRow) bool { return c.rounds(row.scenario) > 0 }
	if !slices.ContainsFunc(summaryRows, measured) {
		return
	}
	servers = slices.DeleteFunc(slices.Clone(servers), func(v server) bool {
		return !slices.ContainsFunc(c.runs, func(r run) bool { return r.Server == v.name })
	})
	fmt.Fprint(out, "\n## Summary\n\nIn brackets: the median ratio to the baseline in the same round; of TLS, to the "+
		"relay without TLS.\n\n")
	writeRow(out, append([]string{""}, names(servers)...))
	writeRow(out, slices.Repeat([]string{"---"}, len(servers)+1))
	for _, row := range summaryRows {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == row.scenario })
		if i < 0 || !measured(row) {
			continue
		}
		t := c.report(all[i])
		cells := []string{row.title}
		for _, v := range servers {
			cells = append(cells, t.summaryCell(row, v.name))
		}
		writeRow(out, cells)
	}
}

// summaryCell returns the cell of one server, which is empty if it was not measured.
func (t report) summaryCell(row summaryRow, server string) string {
	for _, l := range t.scenario.loads {
		if l.Name != row.load {
			continue
		}
		if runs := t.runsOf(l, server); len(runs) > 0 {
			return t.cell(row.column, runs)
		}
	}
	return ""
}
