//go:build linux

package integration_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFlagOverridesEnvironmentOverridesFile sets the address in all three, the welcome in two and origins in the
// file.
func TestFlagOverridesEnvironmentOverridesFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := filepath.Join(s.root, "relay.yaml")
	secret := filepath.Join(s.root, "welcome")
	writeFile(t, config, "watch: "+s.root+"\nlog-format: json\nhistory: 1\nwelcome: from the file\n"+
		"allow-origin: [https://a.example, https://*.b.example]\nlisten: 127.0.0.1:1\n")
	writeFile(t, secret, "from the environment\n")
	cmd := command(t, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Env = append(cmd.Env, "WPRE_RELAY_CONFIG="+config, "WPRE_RELAY_STATE_DIR="+s.state,
		"WPRE_RELAY_LISTEN=127.0.0.1:2", "WPRE_RELAY_WELCOME_FILE="+secret, "WPRE_RELAY_HISTORY=")
	r := start(t, cmd)
	expect(t, r.dial(), "from the environment")
	r.dialWith("/", http.Header{"Origin": {"https://x.b.example"}})
}

// TestLogLevelIsReloaded changes it in the configuration file. An invalid level leaves the previous one in place.
func TestLogLevelIsReloaded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := filepath.Join(s.root, "relay.yaml")
	writeFile(t, config, "log-level: info\n")
	r := start(t, relayCommand(t, "--config", config, "--watch", s.root, "--state-dir", s.state))
	conn := r.dial()
	s.write(1)
	expect(t, conn, document(1))
	if strings.Contains(r.log.String(), "change decided") {
		t.Error("decisions are logged at level info")
	}
	writeFile(t, config, "log-level: nonsense\n")
	r.signal(syscall.SIGHUP)
	r.logged("reload failed, keeping the log level", "error")
	writeFile(t, config, "log-level: debug\n")
	r.signal(syscall.SIGHUP)
	r.logged("reloaded keys, certificates and log level", "level")
	s.write(2)
	r.logged("change decided", "decision")
}

// TestConfigPrintsSourcesAndCanBeReadBack uses the printed configuration as the configuration file.
func TestConfigPrintsSourcesAndCanBeReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, welcome := filepath.Join(dir, "relay.yaml"), filepath.Join(dir, "welcome")
	writeFile(t, config, "history: 7\nallow-origin: [https://*.b.example:8443]\nwelcome: no\n")
	writeFile(t, welcome, "it's: \"#1\"\n")
	cmd := command(t, "config", "--config", config, "--watch", "/wp", "--auth-url", "https://me:secret@example.com/")
	cmd.Env = append(cmd.Env, "WPRE_RELAY_DRAIN=1m30s", "WPRE_RELAY_WELCOME_FILE="+welcome)
	text, status := run(t, cmd)
	for _, want := range []string{
		"watch: /wp # --watch",
		"history: 7 # " + config,
		"allow-origin: ['https://*.b.example:8443'] # " + config,
		"drain: 1m30s # WPRE_RELAY_DRAIN",
		`welcome: 'it''s: "#1"' # WPRE_RELAY_WELCOME`,
		"max-event-size: 1MiB # default",
		"log-level: info # default",
		"require-origin: false # default",
		"# jwt-key: [] # default",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if status != 0 || strings.Contains(text, "secret") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	writeFile(t, config, text)
	again, status := run(t, command(t, "config", "--config", config))
	if got, want := withoutSources(again), withoutSources(text); status != 0 || got != want {
		t.Errorf("exit status %d; the printed configuration is read back as\n%s\nwant\n%s", status, again, text)
	}
}

// withoutSources returns a printed configuration without the comments that name each setting's source.
func withoutSources(text string) string {
	var settings []string
	for line := range strings.Lines(text) {
		setting, _, _ := strings.Cut(line, "  # ")
		settings = append(settings, strings.TrimSpace(setting))
	}
	return strings.Join(settings, "\n")
}

func TestConfigReportsMissingWatch(t *testing.T) {
	t.Parallel()
	text, status := run(t, command(t, "config"))
	if status != 2 || !strings.Contains(text, "--watch is missing") || !strings.Contains(text, "history: 10000") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}

// TestBashCompletes asks a real bash to complete each line.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"wpre-relay he":                         "healthcheck",
		"wpre-relay --max-clients-p":            "--max-clients-per-ip",
		"wpre-relay serve --log-format j":       "json",
		"wpre-relay bench --cl":                 "--clients",
		"wpre-relay completion b":               "bash",
		"wpre-relay --config=" + binaryPath[:8]: "",
		"wpre-relay --log-level = d":            "debug",
		"wpre-relay --watch /etc/host":          "/etc/hosts",
		"wpre-relay --tls-cert --watch nosuc":   "",
	} {
		words := strings.Fields(line)
		script := fmt.Sprintf(`source <(%q completion bash)
			COMP_WORDS=(%s) COMP_CWORD=%d; _wpre_relay; printf '%%s\n' "${COMPREPLY[@]}"`,
			binaryPath, line, len(words)-1)
		out, err := exec.Command("bash", "-c", script).CombinedOutput()
		got := " " + strings.Join(strings.Fields(string(out)), " ") + " "
		if err != nil || want != "" && !strings.Contains(got, " "+want+" ") {
			t.Errorf("%s: %q, %v, want %s", line, out, err, want)
		}
	}
}
