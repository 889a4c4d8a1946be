//go:build linux

package integration_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// commandNames are the names of all commands, in the order of the help.
var commandNames = []string{"serve", "demo", "tail", "bench", "check", "companion", "up", "down", "config",
	"completion", "token", "healthcheck", "help", "version"}

// help returns the output of a call that succeeds.
func help(t *testing.T, args ...string) string {
	t.Helper()
	text, status := run(t, command(t, args...))
	if status != 0 {
		t.Errorf("%q: exit status %d, want 0:\n%s", args, status, text)
	}
	return text
}

// TestHelpFitsOnOneScreen limits the help of the program to 80 columns and 39 lines, so that it fits on a screen of 40
// lines above the prompt. It names all commands and ten flags.
func TestHelpFitsOnOneScreen(t *testing.T) {
	t.Parallel()
	text := help(t, "--help")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !strings.HasPrefix(text, "Usage: wpre-relay") || len(lines) > 39 || strings.Count(text, "\n  --") != 10 {
		t.Errorf("%d lines, want a usage and 10 flags in at most 39:\n%s", len(lines), text)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
	for _, name := range commandNames {
		if !strings.Contains(text, "\n  "+name+" ") {
			t.Errorf("the help does not name %s:\n%s", name, text)
		}
	}
}

// TestHelpIsPrintedByEachForm compares the forms in which people ask for help and for the version.
func TestHelpIsPrintedByEachForm(t *testing.T) {
	t.Parallel()
	forms := [][]string{{"--help", "-h", "help"}, {"version", "--version", "-v"}}
	for _, name := range commandNames {
		forms = append(forms, []string{"help " + name, name + " --help", name + " -h"})
	}
	for _, same := range forms {
		want := help(t, strings.Fields(same[0])...)
		for _, form := range same[1:] {
			if text := help(t, strings.Fields(form)...); text != want {
				t.Errorf("%s prints\n%s\n%s prints\n%s", form, text, same[0], want)
			}
		}
	}
}

const flagReference = "scripts/docs/flags.md"

// flagReferenceStart is the part of the reference above the commands.
const flagReferenceStart = `# All commands and flags

This is the output of ` + "`wpre-relay help COMMAND`" + ` for each command. The program is the source: after a change of
a help text, ` + "`go test -run TestFlagReference ./relay/integration -update`" + ` writes this file again.

Every flag can also be set in the environment, in a file that a variable names, and in a YAML file: see
[below](#serve). ` + "`wpre-relay config`" + ` prints the settings in effect and the source of each.
`

// TestFlagReferenceEqualsHelp compares the reference of all flags with the help. With -update it writes the reference.
func TestFlagReferenceEqualsHelp(t *testing.T) {
	t.Parallel()
	want := strings.Builder{}
	want.WriteString(flagReferenceStart)
	for _, name := range commandNames {
		want.WriteString("\n## " + name + "\n\n```\n" + help(t, "help", name) + "```\n")
	}
	if *update {
		if err := os.WriteFile(fromRoot(flagReference), []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := readDocument(t, flagReference); got != want.String() {
		t.Errorf("%s differs from the help; write it again: go test -run TestFlagReference ./relay/integration -update",
			flagReference)
	}
}

// TestHelpHasAtMost80Columns checks the help of each command.
func TestHelpHasAtMost80Columns(t *testing.T) {
	t.Parallel()
	for _, name := range commandNames {
		for line := range strings.Lines(help(t, "help", name)) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("help %s: %s", name, line)
			}
		}
	}
}

// TestREADMESectionsFitOnOneScreen limits the README's sections to 40 lines.
func TestREADMESectionsFitOnOneScreen(t *testing.T) {
	t.Parallel()
	for section := range strings.SplitSeq(readDocument(t, "README.md"), "\n## ") {
		if lines := strings.Count(section, "\n"); lines > 40 {
			title, _, _ := strings.Cut(section, "\n")
			t.Errorf("section %q has %d lines, want at most 40", title, lines)
		}
	}
}
