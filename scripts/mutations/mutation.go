package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// mutation is a deliberate fault in one file.
type mutation struct {
	fault string // its description in the table
	file  string
	edits []edit
	tests []string // arguments of go test; each of these tests must fail
}

// edit replaces lines by others.
type edit struct {
	old, new []string
}

// parse parses the list of mutations. Each has the lines fault, file, one or more groups of - lines, which + lines
// replace, and one or more lines test. A line that begins with # is a comment, and an empty line ends a mutation.
func parse(text string) (all []mutation, err error) {
	for block := range strings.SplitSeq(text, "\n\n") {
		m, err := parseOne(block)
		if err != nil {
			return nil, err
		}
		if m.fault != "" {
			all = append(all, m)
		}
	}
	return all, nil
}

func parseOne(block string) (m mutation, err error) {
	for line := range strings.SplitSeq(block, "\n") {
		key, value, _ := strings.Cut(line, " ")
		last := len(m.edits) - 1
		switch {
		case line == "" || key == "#":
		case key == "fault":
			m.fault = value
		case key == "file":
			m.file = value
		case key == "test":
			m.tests = append(m.tests, value)
		case key == "-" && (last < 0 || len(m.edits[last].new) > 0):
			m.edits = append(m.edits, edit{old: []string{value}})
		case key == "-":
			m.edits[last].old = append(m.edits[last].old, value)
		case key == "+" && last >= 0:
			m.edits[last].new = append(m.edits[last].new, value)
		default:
			return m, fmt.Errorf("%s: %q is not part of a mutation", list, line)
		}
	}
	if m.fault != "" && (m.file == "" || len(m.edits) == 0 || len(m.tests) == 0) {
		return m, fmt.Errorf("%s: %q has no file, no edit or no test", list, m.fault)
	}
	return m, nil
}

// change is an edit at its place in a file.
type change struct {
	start, end int
	new        string
}

// locate returns the changes of m in the source of its file, in order. It ignores the indentation. Each place must
// exist once.
func (m mutation) locate(source string) (changes []change, err error) {
	for _, e := range m.edits {
		var lines []string
		for _, line := range e.old {
			lines = append(lines, regexp.QuoteMeta(line))
		}
		found := regexp.MustCompile(strings.Join(lines, `\s*\n\s*`)).FindAllStringIndex(source, -1)
		if len(found) != 1 {
			return nil, fmt.Errorf("%q: %s has %d places with %q, want 1; change %s", m.fault, m.file, len(found),
				strings.Join(e.old, "\n"), list)
		}
		changes = append(changes, change{found[0][0], found[0][1], strings.Join(e.new, "\n")})
	}
	slices.SortFunc(changes, func(a, b change) int { return a.start - b.start })
	return changes, nil
}

// overlap reports whether two of the changes, which are in order, change the same bytes.
func overlap(changes []change) bool {
	for i := 1; i < len(changes); i++ {
		if changes[i].start < changes[i-1].end {
			return true
		}
	}
	return false
}

// apply returns the source with the changes.
func apply(source string, changes []change) string {
	var out strings.Builder
	end := 0
	for _, c := range changes {
		out.WriteString(source[end:c.start] + c.new)
		end = c.end
	}
	return out.String() + source[end:]
}

// mutate returns the source of m's file with the fault.
func (m mutation) mutate() (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	changes, err := m.locate(string(source))
	if err == nil && overlap(changes) {
		err = fmt.Errorf("%q: its edits overlap", m.fault)
	}
	return apply(string(source), changes), err
}
