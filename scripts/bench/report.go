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
	compared := "the baseline's"
	if t.scenario.base == "" {
		compared = "the server's own in its first row"
	}
	fmt.Fprintf(out, "\n## %s\n\n%s In brackets: as a multiple of %s, in the same round.\n\n",
		t.scenario.name, t.scenario.about, compared)
	var head []string
	if t.scenario.by != "" {
		head = append(head, t.scenario.by)
	}
	head = append(head, "server")
	for _, col := range t.scenario.columns {
		head = append(head, col.head)
	}
	row(out, append(head, "")) // the last one says what failed
	row(out, slices.Repeat([]string{"---"}, len(head)+1))
	for _, l := range t.scenario.loads {
		for _, name := range t.scenario.servers {
			t.writeRow(out, l, name)
		}
	}
}

func (t report) writeRow(out io.Writer, l load, server string) {
	runs := t.of(l, server)
	if len(runs) == 0 {
		return // the heading says which servers are missing
	}
	var cells []string
	if t.scenario.by != "" {
		cells = append(cells, l.Name)
	}
	cells = append(cells, server)
	for _, col := range t.scenario.columns {
		cells = append(cells, t.cell(col, runs))
	}
	row(out, append(cells, failures(runs)))
}

func row(out io.Writer, cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }

// of returns the runs of one server under one load.
func (t report) of(l load, server string) []run {
	var runs []run
	for _, r := range t.runs {
		if r.Load == l && r.Server == server {
			runs = append(runs, r)
		}
	}
	return runs
}

// cell returns the median of the column's figure and that of its ratio to the base.
func (t report) cell(col column, runs []run) string {
	var values, ratios []float64
	for _, r := range runs {
		value := r.figure(col)
		if value == nil {
			continue
		}
		values = append(values, *value)
		if base := t.base(r).figure(col); base != nil && *base > 0 {
			ratios = append(ratios, *value / *base)
		}
	}
	switch {
	case len(values) == 0:
		return "-"
	case len(ratios) == 0 || col.plain || t.isBase(runs[0]):
		return col.format(median(values))
	default:
		return fmt.Sprintf("%s (%s×)", col.format(median(values)), number(median(ratios)))
	}
}

// figure returns what the column shows of r, nil if r failed or did not measure it.
func (r *run) figure(col column) *float64 {
	if r == nil || r.Failure != "" {
		return nil
	}
	return col.of(r.result)
}

// base returns what r is compared with, nil if there is nothing.
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

func (t report) isBase(r run) bool {
	if t.scenario.base == "" {
		return r.Load == t.scenario.loads[0]
	}
	return r.Server == t.scenario.base
}

// failures says which of the runs failed, and why the first of them.
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
