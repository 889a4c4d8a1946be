package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShownSettingsNameTheirSourcesAndNoSecret sets one setting in each way. Each secret contains "hush".
func TestShownSettingsNameTheirSourcesAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("WPRE_RELAY_PUBLISH_TOKEN_FILE", write("token", "hush hush hush hush"))
	t.Setenv("WPRE_RELAY_HISTORY", "77")
	t.Setenv("WPRE_RELAY_WELCOME_FILE", write("welcome", "hush"))
	t.Setenv("WPRE_RELAY_AUTH_URL", "https://site.test/auth?key=hush")
	file := write("config.yaml", "listen: 127.0.0.1:9\nmax-clients: 5\nbroker: redis://user:hush@broker.test/0?db=5\n")
	c, err := parse("--watch", "/site", "--config", file, "--max-clients", "6")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, s := range c.Settings() {
		got[s.Name] = s.Value + " from " + s.Source
		if strings.Contains(fmt.Sprint(s), "hush") {
			t.Errorf("a secret is shown: %+v", s)
		}
	}
	for name, want := range map[string]string{
		"watch":         "/site from --watch",
		"max-clients":   "6 from --max-clients",
		"listen":        "127.0.0.1:9 from " + file,
		"history":       "77 from WPRE_RELAY_HISTORY",
		"publish-token": "xxxxx from WPRE_RELAY_PUBLISH_TOKEN_FILE",
		"welcome":       "xxxxx from WPRE_RELAY_WELCOME_FILE",
		"auth-url":      "https://site.test/auth?xxxxx from WPRE_RELAY_AUTH_URL",
		"broker":        "redis://user:xxxxx@broker.test/0?xxxxx from " + file,
		"jwt-key":       "[] from default",
		"admin-listen":  "127.0.0.1:8081 from default",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
}
