//go:build linux

package watcher_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCases runs the scripts in testdata/watcher. A script changes files and names the contents that the watcher must
// hand over. A line is a command with its arguments:
//
//	watch PATH          watches this file, not wp-content/realtime-events/latest_event.json
//	debounce D, poll D  sets the option
//	newest              sets the option NewestOnly
//	start               runs the watcher and waits until it is ready
//	write TEXT          writes the watched file as the plugin does
//	put PATH TEXT       writes a file and leaves its mode; append adds to one
//	symlink TARGET PATH creates a symbolic link, or replaces one in one step
//	mkdir, remove, rename, chmod, fifo, age
//	want TEXT           waits for the next content, which must be TEXT
//	line TEXT           waits for the next content, which must be TEXT as a line of the outbox
//	outbox              waits until there is an outbox; "outbox none", until there is none
//	hold                blocks the handler of the next content until release
//	notified            waits until the watcher has handled a notification
//	mode MODE           waits until the watch has this mode
//	overwritten N       waits for an estimate of N overwritten writes
//	rearmed             waits until the watch was set up again and the file was read after that
//	needs root          skips the script for other users
//	unannounced PATH TEXT overwrites the start of a file through a mapping, without a notification
//	mount SOURCE PATH   mounts a tmpfs or a bind mount; umount undoes it
//
// Paths are relative to a new directory, $ROOT. $DIR is wp-content/realtime-events, $BIG is a text of 192 KB, and $NL
// is a line end. A line of the outbox is valid if it ends with }.
func TestCases(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("..", "testdata", "watcher", "*.txt"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts found (%v)", err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runScript(t, script)
		})
	}
}

func runScript(t *testing.T, script string) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t)
	expand := strings.NewReplacer("$ROOT", p.root, "$DIR", "wp-content/realtime-events",
		"$BIG", strings.Repeat(`\u65e5`, 32<<10), "$NL", "\n")
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for n := 1; lines.Scan(); n++ {
		command, args, _ := strings.Cut(lines.Text(), " ")
		if command == "" || command == "#" {
			continue
		}
		if err := p.do(command, expand.Replace(args)); err != nil {
			t.Fatalf("%s:%d: %s: %v", script, n, lines.Text(), err)
		}
	}
	if p.watcher == nil {
		t.Fatalf("%s never starts the watcher", script)
	}
	if len(p.handled) > 0 {
		t.Fatalf("%s: unexpected content: %q", script, <-p.handled)
	}
}
