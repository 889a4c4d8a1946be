package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// mainVariable makes the test binary run the program in place of the tests.
const mainVariable = "WPRE_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestBinaryStarts(t *testing.T) {
	cmd := exec.Command(os.Args[0], "--version")
	cmd.Env = append(os.Environ(), mainVariable+"=true")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), runtime.Version()) {
		t.Errorf("wpre-relay --version: %v\n%s", err, out)
	}
}

// TestImportsFollowTheFlow holds the architecture: which of our packages may import which.
func TestImportsFollowTheFlow(t *testing.T) {
	allowed := map[string][]string{
		"schema":  {},
		"watcher": {},
		"relay":   {"schema", "relay/eventlog", "relay/security/filter"},
		"relay/server": {"schema", "relay/client", "relay/eventlog", "relay/fanout", "relay/listener", "relay/security/access",
			"relay/security/clientaddr", "relay/security/filter", "relay/security/origin", "relay/throttle"},
		"relay/listener": {"relay/security/clientaddr", "relay/throttle", "relay/watchedfile"},
		"relay/app": {"relay", "relay/admin", "relay/listener", "relay/server", "relay/sharedlog/broker", "relay/config", "relay/eventlog", "relay/security/access", "relay/security/clientaddr", "relay/security/filter", "relay/security/origin",
			"relay/security/token", "relay/sharedlog", "relay/systemd", "relay/webhook"},
		"relay/security/access":      {"relay/security/filter", "relay/throttle", "relay/security/token"},
		"relay/check":                {"relay/security/origin", "schema"},
		"relay/admin":                {"relay", "relay/server", "relay/eventlog", "relay/sharedlog"},
		"relay/webhook":              {"relay/throttle"},
		"relay/sharedlog":            {"relay/eventlog", "schema"},
		"relay/sharedlog/enginetest": {"relay/sharedlog"},
		"relay/sharedlog/broker":     {"relay/sharedlog/redislog", "relay/sharedlog/natslog", "relay/sharedlog/kafkalog", "relay/sharedlog/amqplog", "relay/sharedlog"},
		"relay/sharedlog/redislog":   {"relay/eventlog", "relay/sharedlog"},
		"relay/sharedlog/natslog":    {"relay/sharedlog"},
		"relay/sharedlog/kafkalog":   {"relay/sharedlog"},
		"relay/sharedlog/amqplog":    {"relay/eventlog", "relay/sharedlog"},
		"relay/eventlog":             {"schema"},
		"relay/security/filter":      {"schema", "relay/eventlog", "relay/throttle"},
		"relay/security/clientaddr":  {},
		"relay/watchedfile":          {},
		"relay/security/origin":      {},
		"relay/client":               {},
		"relay/companion":            {},
		"relay/fanout":               {"relay/eventlog", "schema"},
		"relay/fanout/fanouttest":    {},
		"relay/testwait":             {},
		"relay/throttle":             {},
		"relay/security/token":       {"relay/watchedfile"},
		"relay/config":               {"relay/sharedlog/broker", "relay/security/filter", "relay/security/clientaddr", "relay/security/origin"},
		"relay/cli": {"relay/bench", "relay/check", "relay/companion", "relay/config", "relay/demo", "relay/listener",
			"relay/security/clientaddr", "relay/security/filter", "relay/security/origin", "relay/security/token", "relay/tail"},
		"relay/demo":        {},
		"relay/integration": {},
		"relay/systemd":     {},
		"relay/tail":        {},

		"relay/bench":          {"relay/bench/stats", "relay/bench/wsclient"},
		"relay/bench/stats":    {},
		"relay/bench/wsclient": {},
	}
	listing, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listing)) {
		imports := strings.Fields(line)
		name, ok := strings.CutPrefix(imports[0], "wpre-relay/")
		if !ok || strings.HasPrefix(name, "scripts/") {
			continue
		}
		rule, known := allowed[name]
		if !known {
			t.Errorf("package %s has no rule", name)
		}
		for _, path := range imports[1:] {
			if ours, ok := strings.CutPrefix(path, "wpre-relay/"); ok && !slices.Contains(rule, ours) {
				t.Errorf("package %s must not import %s", name, ours)
			}
			if name == "schema" && slices.Contains([]string{"os", "io", "net", "log/slog"}, path) {
				t.Errorf("package schema imports %s: it does no I/O", path)
			}
		}
	}
}

// TestSchemaReadsNoClock holds what package schema says of itself: of package time it may use the types alone.
func TestSchemaReadsNoClock(t *testing.T) {
	files, err := filepath.Glob("schema/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of package schema: %v", err)
	}
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)\b`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if use := clock.Find(source); use != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s uses %s", file, use)
		}
	}
}
