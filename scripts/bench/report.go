package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// report is the table of one scenario.
type report struct {
	scenario scenario
	runs     []run
}

// write writes the table as Markdown.
func (t report) write(out io.Writer) {
	compared := "the same server in its first row"
	if t.scenario.base != "" {
		compared = "the " + t.scenario.base
	}
	fmt.Fprintf(out, "\n## %s\n\n%s Rounds: %d. In brackets: the median ratio to %s in the same round.\n\n",
		t.scenario.name, t.scenario.about, t.scenario.rounds, compared)
	var head []string
	if t.scenario.by != "" {
		head = append(head, t.scenario.by)
	}
	head = append(head, "server")
	for _, col := range t.scenario.columns {
		head = append(head, col.head)
	}
	writeRow(out, append(head, "")) // the last column has the failures
	writeRow(out, slices.Repeat([]string{"---"}, len(head)+1))
	for _, l := range t.scenario.loads {
		for _, name := range t.scenario.servers {
			t.writeServerRow(out, l, name)
		}
	}
}

func (t report) writeServerRow(out io.Writer, l load, server string) {
	runs := t.runsOf(l, server)
	if len(runs) == 0 {
		return // the heading lists the missing servers
	}
	var cells []string
	if t.scenario.by != "" {
		cells = append(cells, l.Name)
	}
	cells = append(cells, server)
	for _, col := range t.scenario.columns {
		cells = append(cells, t.cell(col, runs))
	}
	writeRow(out, append(cells, failures(runs)))
}

func writeRow(out io.Writer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// runsOf returns the runs of one server under one load.
func (t report) runsOf(l load, server string) []run {
	var runs []run
	for _, r := range t.runs {
		if r.Load == l && r.Server == server {
			runs = append(runs, r)
		}
	}
	return runs
}

// cell returns the median of the column's values, and the median of their ratios to the base.
func (t report) cell(col column, runs []run) string {
	var values, ratios []float64
	for _, r := range runs {
		value := r.value(col)
		if value == nil {
			continue
		}
		values = append(values, *value)
		if base := t.base(r).value(col); base != nil && *base > 0 {
			ratios = append(ratios, *value / *base)
		}
	}
	switch {
	case len(values) == 0:
		return "-"
	case len(ratios) == 0 || col.absolute || t.isBase(runs[0]):
		return col.format(median(values))
	default:
		return fmt.Sprintf("%s (%s×)", col.format(median(values)), formatNumber(median(ratios)))
	}
}

// value returns the column's value for r, or nil if r failed or did not measure it.
func (r *run) value(col column) *float64 {
	if r == nil || r.Failure != "" {
		return nil
	}
	return col.value(r.result)
}

// base returns the run that r is compared with, or nil.
func (t report) base(r run) *run {
	for i := range t.runs {
		b := &t.runs[i]
		sameLoad := t.scenario.base == "" || b.Load == r.Load
		sameServer := t.scenario.base != "" || b.Server == r.Server
		if t.isBase(*b) && b.Round == r.Round && sameLoad && sameServer {
			return b
		}
	}
	return nil
}

// isBase reports whether other runs are compared with r.
func (t report) isBase(r run) bool {
	if t.scenario.base == "" {
		return r.Load == t.scenario.loads[0]
	}
	return r.Server == t.scenario.base
}

// failures returns how many of the runs failed, and the first failure.
func failures(runs []run) string {
	failed := slices.DeleteFunc(slices.Clone(runs), func(r run) bool { return r.Failure == "" })
	switch len(failed) {
	case 0:
		return ""
	case len(runs):
		return "failed: " + failed[0].Failure
	default:
		return fmt.Sprintf("failed in %d of %d rounds: %s", len(failed), len(runs), failed[0].Failure)
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
