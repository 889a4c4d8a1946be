package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wpre-relay/relay/cli"
)

// parseFile returns the command line with this configuration file.
func parseFile(t *testing.T, content string, args ...string) (*cli.CLI, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return parse(append([]string{"--watch", "x", "--config", path}, args...)...)
}

// TestRejectsSecondYAMLDocument gives files whose end could hide settings, and files with one document.
func TestRejectsSecondYAMLDocument(t *testing.T) {
	const second = "more than one YAML document"
	for content, want := range map[string]string{
		"log-level: debug\n---\npublic-status: publish\n": second,
		"log-level: debug\n...\n---\nhistory: 1\n":        second,
		"---\n---\npublic-status: publish\n":              second,
		"log-level: debug\n---\n":                         second,
		"log-level: debug\n--- [\n":                       second,
		"---\nlog-level: debug\n":                         "",
		"# comment\n---\nlog-level: debug\n...\n":         "",
		"log-level: debug\n...\n# comment\n":              "",
		"# comment\n":                                     "",
		"":                                                "",
	} {
		_, err := parseFile(t, content)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

// TestConfigFileErrorsNameFileAndLine gives files with a mistake in the second line.
func TestConfigFileErrorsNameFileAndLine(t *testing.T) {
	for _, mistake := range []string{
		"listen: [", "listn: :8080", "xyz: 1", "history: many", "history: {a: 1}", "log-level: loud", "log-format: xml",
		"max-event-size: big", "jwt-key: []", "drain: 3", "broker: '%'", "history: 2", "---", "\tlisten: :80",
	} {
		_, err := parseFile(t, "history: 1\n"+mistake+"\n")
		if err == nil || !strings.Contains(err.Error(), "relay.yaml:2") {
			t.Errorf("%q: got %v, want relay.yaml:2", mistake, err)
		}
	}
}
