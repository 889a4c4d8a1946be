package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// colors are the ANSI escape sequences of the levels (ECMA-48 §8.3.117).
var colors = map[Level]string{OK: "\x1b[32m", Skip: "\x1b[2m", Warn: "\x1b[33m", Fail: "\x1b[1;31m"}

const plain = "\x1b[0m"

// width is the maximum width of a line of text, in columns.
const width = 78

// Print writes the findings as text for people, with colors if colored is set.
func Print(out io.Writer, findings []Finding, colored bool) error {
	var b strings.Builder
	counts := make(map[Level]int)
	for _, f := range findings {
		counts[f.Level]++
		label := fmt.Sprintf("%-4s", strings.ToUpper(string(f.Level)))
		if colored {
			label = colors[f.Level] + label + plain
		}
		fmt.Fprintf(&b, "%s  %s\n", label, wrap(f.Check+": "+f.Text, 6))
		if f.Fix != "" {
			fmt.Fprintf(&b, "      %s\n", wrap(f.Fix, 6))
		}
		for _, snippet := range f.Paste {
			lines := strings.ReplaceAll(strings.TrimSpace(snippet.Lines), "\n", "\n          ")
			fmt.Fprintf(&b, "\n      %s:\n\n          %s\n", snippet.Where, lines)
		}
		if len(f.Paste) > 0 {
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "%d failed, %d warnings, %d ok, %d not checked\n",
		counts[Fail], counts[Warn], counts[OK], counts[Skip])
	_, err := io.WriteString(out, strings.ReplaceAll(b.String(), "          \n", "\n"))
	return err
}

// PrintJSON writes the findings as one JSON array.
func PrintJSON(out io.Writer, findings []Finding) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(findings)
}

// wrap breaks text between words at width columns. It indents all lines except the first.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
