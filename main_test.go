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

// mainVariable makes the test binary run the program instead of the tests.
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
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), runtime.Version()) {
		t.Errorf("wpre-relay --version: %v\n%s", err, out)
	}
}

// flow lists each package with all packages of this module that it imports. An import may only name a package that is
// listed above, so nothing imports back up. Tests may import their package and the packages above it.
const flow = `
	# Helpers of tests
	relay/testwait
	relay/fanout/fanouttest
	# Files: which operations on them hang
	relay/fileop
	# Capture: event file and outbox. The watcher knows no event, the schema does no I/O.
	schema
	watcher
	# Files that survive a power failure
	relay/durable
	relay/durable/durabletest: relay/durable
	# Order and keep: the log of one relay, or a stream that relays share over a broker
	relay/eventlog: relay/durable relay/fileop schema
	relay/sharedlog: relay/durable relay/eventlog schema
	relay/sharedlog/enginetest: relay/eventlog relay/sharedlog relay/testwait schema
	relay/sharedlog/redislog: relay/eventlog relay/sharedlog
	relay/sharedlog/natslog: relay/sharedlog
	relay/sharedlog/kafkalog: relay/sharedlog
	relay/sharedlog/amqplog: relay/eventlog relay/sharedlog
	relay/sharedlog/broker: relay/sharedlog relay/sharedlog/amqplog relay/sharedlog/kafkalog relay/sharedlog/natslog
		relay/sharedlog/redislog
	# Decide: deduplicate, filter, append
	relay/throttle
	relay/security/filter: relay/eventlog relay/throttle schema
	relay: relay/eventlog relay/security/filter schema
	# Deliver: from the log to the clients
	relay/budget
	relay/fanout: relay/budget relay/eventlog schema
	# Serve: sockets, then who may connect, then HTTP
	relay/watchedfile: relay/fileop
	relay/security/clientaddr
	relay/security/origin
	relay/security/token: relay/watchedfile
	relay/security/access: relay/security/clientaddr relay/security/filter relay/security/token relay/throttle
	relay/listener: relay/durable relay/fileop relay/security/clientaddr relay/throttle relay/watchedfile
	relay/client
	relay/server: relay/budget relay/client relay/durable relay/eventlog relay/fanout relay/fileop relay/listener
		relay/security/access relay/security/clientaddr relay/security/filter relay/security/origin relay/throttle schema
	# Operate
	relay/admin: relay relay/budget relay/durable relay/eventlog relay/security/clientaddr relay/security/origin
		relay/server relay/sharedlog
	relay/systemd
	relay/webhook: relay/throttle
	# Compose: settings, then the parts in order
	relay/config: relay/security/clientaddr relay/security/filter relay/security/origin relay/sharedlog/broker
	relay/app: relay relay/admin relay/config relay/durable relay/eventlog relay/fanout relay/fileop relay/listener
		relay/security/access relay/security/clientaddr relay/security/filter relay/security/origin relay/security/token
		relay/server relay/sharedlog relay/sharedlog/broker relay/systemd relay/webhook
	# Commands
	relay/bench/stats
	relay/bench/wsclient
	relay/progress
	relay/bench: relay/progress relay/bench/stats relay/bench/wsclient
	relay/webserver
	relay/check: relay/fileop relay/security/clientaddr relay/security/filter relay/security/origin relay/webserver
	relay/companion
	relay/up: relay/companion relay/progress relay/webserver
	relay/demo: relay schema
	relay/tail
	relay/cli: relay relay/bench relay/check relay/companion relay/config relay/demo relay/fileop relay/listener
		relay/progress relay/security/clientaddr relay/security/filter relay/security/origin relay/security/token
		relay/tail relay/up
	# The program
	relay/process
	main: relay relay/admin relay/app relay/cli relay/config relay/fileop relay/process schema watcher
	relay/integration
	relay/simulation
`

// testHelpers are imported by tests and by each other only.
var testHelpers = []string{
	"relay/testwait", "relay/durable/durabletest", "relay/fanout/fanouttest", "relay/sharedlog/enginetest",
}

// libraries are imported by these packages only, so that each can be replaced in one place.
var libraries = map[string][]string{
	"github.com/alecthomas/kong":     {"relay/cli"},
	"github.com/fsnotify/fsnotify":   {"watcher", "relay/integration", "relay/simulation"},
	"github.com/redis/go-redis":      {"relay/sharedlog/redislog", "relay/integration"},
	"github.com/nats-io/nats.go":     {"relay/sharedlog/natslog"},
	"github.com/twmb/franz-go":       {"relay/sharedlog/kafkalog", "relay/integration"},
	"github.com/rabbitmq/":           {"relay/sharedlog/amqplog"},
	"github.com/prometheus/":         {"relay/admin"},
	"github.com/pires/go-proxyproto": {"relay/listener"},
	"github.com/hanwen/go-fuse":      {"relay/integration"},
}

// parseFlow returns the position of each package in flow, and the imports that it lists.
func parseFlow() (position map[string]int, listed map[goImport]bool) {
	position, listed = make(map[string]int), make(map[goImport]bool)
	var name string
	for line := range strings.Lines(flow) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if !strings.HasPrefix(line, "\t\t") {
			name = strings.TrimSuffix(fields[0], ":")
			position[name] = len(position)
			fields = fields[1:]
		}
		for _, path := range fields {
			listed[goImport{from: name, to: path}] = true
		}
	}
	return position, listed
}

// goImport is an import of a package. Paths are relative to the module; its root is "main".
type goImport struct {
	from, to string
	test     bool // only tests import it
}

// goImports returns all imports of the packages of this module except the scripts, on Linux.
func goImports(t *testing.T) (all []goImport) {
	t.Helper()
	const format = `{{range .Imports}}{{$.ImportPath}} {{.}} false{{"\n"}}{{end}}` +
		`{{range .TestImports}}{{$.ImportPath}} {{.}} true{{"\n"}}{{end}}` +
		`{{range .XTestImports}}{{$.ImportPath}} {{.}} true{{"\n"}}{{end}}`
	out, err := exec.Command("go", "list", "-f", format, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && !strings.HasPrefix(fields[0], "wpre-relay/scripts/") {
			all = append(all, goImport{relative(fields[0]), relative(fields[1]), fields[2] == "true"})
		}
	}
	return all
}

func relative(path string) string {
	if path == "wpre-relay" {
		return "main"
	}
	return strings.TrimPrefix(path, "wpre-relay/")
}

func TestImportsFollowDataFlow(t *testing.T) {
	position, listed := parseFlow()
	for _, i := range goImports(t) {
		from, known := position[i.from]
		if !known {
			t.Errorf("%s is not listed in flow", i.from)
		}
		to, ours := position[i.to]
		if ours && to > from {
			t.Errorf("%s imports %s, which is listed below it", i.from, i.to)
		}
		if ours && !i.test && !listed[i] {
			t.Errorf("%s imports %s, which flow does not list", i.from, i.to)
		}
		delete(listed, i)
	}
	for i := range listed {
		t.Errorf("flow lists that %s imports %s, which it does not", i.from, i.to)
	}
}

// TestWatcherAndRelayAreIndependent allows the simulation, which connects them in its tests only, and test helpers.
func TestWatcherAndRelayAreIndependent(t *testing.T) {
	for _, i := range goImports(t) {
		if i.test && (i.from == "relay/simulation" || slices.Contains(testHelpers, i.to)) {
			continue
		}
		fromRelay, toRelay := strings.HasPrefix(i.from, "relay"), strings.HasPrefix(i.to, "relay")
		if i.from == "watcher" && toRelay || fromRelay && i.to == "watcher" {
			t.Errorf("%s imports %s", i.from, i.to)
		}
	}
}

func TestOnlyTestsImportTestHelpers(t *testing.T) {
	for _, i := range goImports(t) {
		isHelper := slices.Contains(testHelpers, i.to) || i.to == "testing"
		if isHelper && !i.test && !slices.Contains(testHelpers, i.from) {
			t.Errorf("%s imports %s", i.from, i.to)
		}
	}
}

func TestLibrariesAreImportedInOnePlace(t *testing.T) {
	for _, i := range goImports(t) {
		for library, users := range libraries {
			if strings.HasPrefix(i.to, library) && !slices.Contains(users, i.from) {
				t.Errorf("%s imports %s", i.from, i.to)
			}
		}
	}
}

// TestSchemaDoesNoIO also checks that package schema reads no clock: of package time it may use the types only.
func TestSchemaDoesNoIO(t *testing.T) {
	for _, i := range goImports(t) {
		if i.from == "schema" && !i.test && slices.Contains([]string{"os", "io", "net", "log/slog"}, i.to) {
			t.Errorf("schema imports %s", i.to)
		}
	}
	files, err := filepath.Glob("schema/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("schema has no files: %v", err)
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
