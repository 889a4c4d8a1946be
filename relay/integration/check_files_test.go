//go:build linux

package integration_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wpre-relay/relay/security/filter"
)

var update = flag.Bool("update", false, "rewrite the golden files with the current output")

// golden compares a text with testdata/check/NAME.golden. Before that it applies the replacements, and masks the
// numbers that differ from run to run.
func golden(t *testing.T, name, text string, replace ...string) {
	t.Helper()
	text = strings.NewReplacer(replace...).Replace(text)
	text = regexp.MustCompile(`process \d+`).ReplaceAllString(text, "process N")
	text = regexp.MustCompile(`(\s)\(uid\s+\d+\)`).ReplaceAllString(text, "$1(uid N)")
	text = regexp.MustCompile(`example\.test:\d{5}`).ReplaceAllString(text, "example.test:NNNNN")
	text = regexp.MustCompile(`closes the connection after \d+s`).ReplaceAllString(text, "closes the connection after Ns")
	text = regexp.MustCompile(`(?m)^checking: .*\n`).ReplaceAllString(text, "") // progress, on a slow machine
	path := fromRoot(filepath.Join("testdata", "check", name+".golden"))
	if *update {
		writeFile(t, path, text)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, text, want)
	}
}

// needsRoot skips a test that changes the owner of files.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can change the owner of files")
	}
}

// Paths in a WordPress.
const (
	eventsDir    = "/wp-content/realtime-events"
	muPlugins    = "/wp-content/mu-plugins"
	outboxFile   = eventsDir + "/" + outboxName + ".ndjson"
	wwwData      = 33 // the web server's user
	wordpressDir = "/tmp/wpNNNNNNNN"
)

// newWordPress creates the files that check reads of a WordPress with plugin and companion. The length of its path is
// fixed, so that the lines of the output break at the same places. Then it applies the changes.
func newWordPress(t *testing.T, changes ...change) (root string) {
	t.Helper()
	companion, status := run(t, command(t, "companion"))
	if status != 0 {
		t.Fatalf("wpre-relay companion: exit status %d: %s", status, companion)
	}
	root = fmt.Sprintf("/tmp/wp%08x", rand.Uint32())
	t.Cleanup(func() { os.RemoveAll(root) })
	for path, content := range map[string]string{
		"/wp-config.php":                          "<?php\n",
		"/wp-admin/includes/file.php":             "<?php\n",
		"/wp-content/uploads/index.php":           "",
		"/wp-content/plugins/rt/events.php":       "<?php\n/**\n * Plugin Name: WP Realtime Events\n */\nWP_Filesystem();\n",
		"/wp-content/plugins/akismet/akismet.php": "<?php\n/* Plugin Name: Akismet */\n",
		eventsDir + "/index.php":                  "",
		eventsDir + "/.placeholder":               "",
		muPlugins + "/companion.php":              companion,
	} {
		writeFile(t, root+path, content)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		if err := change(root); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// change is a change to the files of a WordPress.
type change func(root string) error

func remove(path string) change { return func(root string) error { return os.RemoveAll(root + path) } }

func write(path, content string, mode os.FileMode) change {
	return func(root string) error { return os.WriteFile(root+path, []byte(content), mode) }
}

func giveToWebServer(path string) change {
	return func(root string) error { return os.Chown(root+path, wwwData, wwwData) }
}

func chmod(path string, mode os.FileMode) change {
	return func(root string) error { return os.Chmod(root+path, mode) }
}

// withoutInotify runs a command in a user namespace that allows no inotify instance.
func withoutInotify(cmd *exec.Cmd) {
	const script = `echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"`
	cmd.Args = append([]string{"unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"}, cmd.Args...)
	cmd.Path, cmd.Err = exec.LookPath("unshare")
}

// multisite makes the WordPress a network of sites.
var multisite = write("/wp-config.php", "<?php\ndefine( 'MULTISITE', true );\n", 0o644)

// fileCases are faults in the files of a WordPress. The output of check for each is in testdata/check.
var fileCases = []struct {
	name    string
	changes []change
	args    []string
	run     func(cmd *exec.Cmd) // changes how the command runs
	status  int
}{
	{name: "fine", args: []string{"--public-status", "publish"}},
	{name: "no-wordpress", changes: []change{remove("/wp-content"), remove("/wp-config.php")}, status: 1},
	{name: "unknown-content-dir", changes: []change{
		write("/wp-config.php", "<?php\ndefine( 'WP_CONTENT_DIR', realpath( __DIR__ . '/assets' ) );\n", 0o644)}},
	{name: "no-plugin", changes: []change{remove("/wp-content/plugins/rt")}, status: 1},
	{name: "not-activated", changes: []change{remove(eventsDir)}},
	{name: "block-editor", changes: []change{remove(muPlugins)}, status: 1},
	{name: "companion", changes: []change{write(outboxFile, "", 0o644)}},
	{name: "companion-gone", changes: []change{write(outboxFile, "", 0o644), remove(muPlugins)}, status: 1},
	{name: "companion-unreadable", changes: []change{write(outboxFile, "", 0o600)}, run: runAsNobody, status: 1},
	{name: "only-the-file-is-loaded", changes: []change{
		write(muPlugins+"/companion.php", "<?php require_once ABSPATH . 'wp-admin/includes/file.php';\n", 0o644)}},
	{name: "ftp", changes: []change{giveToWebServer(eventsDir)}, status: 1},
	{name: "ftp-asked-for", changes: []change{
		write("/wp-config.php", "<?php\ndefine( 'FS_METHOD', 'ftpext' );\n", 0o644)}, status: 1},
	{name: "tight-directories", changes: []change{giveToWebServer("/wp-content"), chmod("/wp-content", 0o750)}},
	{name: "cannot-read", changes: []change{write(eventsDir+"/latest_event.json", "{}", 0o600)}, run: runAsNobody,
		status: 1},
	{name: "network", changes: []change{multisite}},
	{name: "network-status", changes: []change{multisite}, args: []string{"--public-status", "publish"}},
	{name: "network-filter", changes: []change{multisite}, args: []string{"--filter", filter.NetworkExpression}},
	{name: "network-old-companion", args: []string{"--filter", filter.NetworkExpression}, changes: []change{
		write("/wp-content/uploads/sites", "", 0o644),
		write(muPlugins+"/companion.php", "<?php 'wp-admin/includes/file.php'; class WPRE_Relay_Outbox {}\n", 0o644)}},
	{name: "not-a-network", args: []string{"--public-status", "publish"}, changes: []change{
		write("/wp-config.php", "<?php\ndefine( 'WP_ALLOW_MULTISITE', true );\n// define( 'MULTISITE', true );\n"+
			"define( \"MULTISITE\", false );\n", 0o644),
		write(eventsDir+"/latest_event.json", `{"timestamp":1,"site_id":1}`, 0o644)}},
	{name: "network-by-event", args: []string{"--filter", filter.NetworkExpression}, changes: []change{
		write(eventsDir+"/latest_event.json", `{"timestamp":1,"site_id":2}`, 0o644)}},
	{name: "polling", args: []string{"--poll-interval", "1s"}},
	{name: "no-inotify", run: withoutInotify},
}

func TestCheckReportsFaultsInFiles(t *testing.T) {
	needsRoot(t)
	for _, tc := range fileCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := newWordPress(t, tc.changes...)
			args := append([]string{"check", "--watch", root, "--listen", "off", "--admin-listen", "off"}, tc.args...)
			cmd := command(t, args...)
			if tc.run != nil {
				tc.run(cmd)
			}
			text, status := run(t, cmd)
			if status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			golden(t, tc.name, text, root, wordpressDir)
		})
	}
}

func TestCheckIsColoredOnlyOnTerminal(t *testing.T) {
	t.Parallel()
	script := lookPath(t, "script")
	call := binaryPath + " check --url ws://127.0.0.1:1 --listen off --admin-listen off"
	for _, tc := range []struct {
		command string
		colored bool
	}{{call, true}, {"NO_COLOR=1 " + call, false}, {call + " | cat", false}} {
		text, _ := run(t, exec.Command(script, "-qec", tc.command, "/dev/null"))
		if strings.Contains(text, "\x1b[1;31mFAIL\x1b[0m") != tc.colored || !strings.Contains(text, "FAIL") {
			t.Errorf("%s: %q", tc.command, text)
		}
	}
}
