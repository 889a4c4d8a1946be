//go:build linux

package up

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEditKeepsWhatOthersAdd inserts text at two places, changes other parts of the file, and undoes the edit.
func TestEditKeepsWhatOthersAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.conf")
	const before = "server {\n}\nserver {\n}\n"
	writeText(t, path, before)
	edit := insertAt(path, "\n\tinclude x;", nil, strings.LastIndex(before, "{")+1, strings.Index(before, "{")+1)
	if err := edit.apply(t.Context(), system{}); err != nil {
		t.Fatal(err)
	}
	const after = "server {\n\tinclude x;\n}\nserver {\n\tinclude x;\n}\n"
	if got := readText(t, path); got != after {
		t.Fatalf("%q, want %q", got, after)
	}
	writeText(t, path, "# mine\n"+after)
	for range 2 { // also if it is undone already
		if err := edit.undo(t.Context(), disks{}); err != nil {
			t.Fatal(err)
		}
		if got := readText(t, path); got != "# mine\n"+before {
			t.Errorf("%q, want %q", got, "# mine\n"+before)
		}
	}
	writeText(t, path, "server {\n\tinclude x;\n}\n")
	if err := edit.undo(t.Context(), disks{}); err == nil {
		t.Error("one of two insertions is gone, but undo succeeds")
	}
}

// TestUndoRemovesTemporaryFiles undoes a change whose write was killed.
func TestUndoRemovesTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	writeText(t, dir+"/.site.conf.wpre-KILLED", "x")
	writeText(t, dir+"/.other.conf.wpre-KILLED", "x")
	undone := change{Kind: makeFile, Path: dir + "/site.conf"}
	if err := undone.undo(t.Context(), disks{}); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(dir + "/.*")
	if len(left) != 1 || left[0] != dir+"/.other.conf.wpre-KILLED" {
		t.Errorf("left: %v", left)
	}
}

// TestLinksDoNotChooseTheUser tries links to files of other users.
func TestLinksDoNotChooseTheUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: not root")
	}
	const site, deploy, victim = 33, 1001, 1002
	dir := t.TempDir()
	for path, uid := range map[string]int{
		"site": site, "site/content": site, "deploy": deploy, "deploy/shared": deploy, "deploy/shared/events": site,
		"victim": victim, "victim/files": victim,
	} {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(path, 0o755), os.Chown(path, uid, uid)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(path, target string, uid int) {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.Symlink(target, path), os.Lchown(path, uid, uid)); err != nil {
			t.Fatal(err)
		}
	}
	link("site/own", "content", site)
	link("site/steal", "../victim/files", site)
	link("site/content/indirect", "../steal", site)
	link("site/by-root", "../victim/files", 0)
	link("site/absent", "nowhere", site)
	link("deploy/events", "shared/events", deploy)
	for path, want := range map[string]uint32{ // 0: an error
		"site/content/file": site, "site/own/file": site, "site/new/dir/file": site, "site/absent/file": site,
		"site/steal/file": 0, "site/content/indirect/file": 0, "site/by-root/file": victim, "deploy/events/file": site,
		"victim/files": victim,
	} {
		got, err := ownerOf(filepath.Join(dir, path))
		if (err != nil) != (want == 0) || got.UID != want {
			t.Errorf("%s: user %d, %v, want %d", path, got.UID, err, want)
		}
	}
}

// TestRootDoesNotFollowLinksOfOthers tries paths on which another user can put a link.
func TestRootDoesNotFollowLinksOfOthers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: not root")
	}
	dir := t.TempDir()
	for _, command := range []error{
		os.Mkdir(dir+"/open", 0o755), os.Chmod(dir+"/open", 0o777),
		os.Mkdir(dir+"/mine", 0o755), os.Mkdir(dir+"/theirs", 0o755), os.Chown(dir+"/theirs", 12345, 12345),
		os.Symlink(dir+"/mine", dir+"/open/link"), os.Symlink("../mine", dir+"/theirs/link"),
		os.Symlink("mine", dir+"/link"), os.Symlink("theirs/link/file", dir+"/mine/far"), os.Symlink("loop", dir+"/loop"),
	} {
		if command != nil {
			t.Fatal(command)
		}
	}
	for path, allowed := range map[string]bool{
		"mine/file": true, "link/file": true, "open/file": false, "open/link/file": false, "theirs/file": false,
		"theirs/link/file": false, "mine/far": false, "loop": false, "loop/file": false,
	} {
		path = filepath.Join(dir, path)
		err := system{}.write(t.Context(), path, []byte("x"), 0o640, user{})
		if (err == nil) != allowed {
			t.Errorf("write %s: %v, want allowed %t", path, err, allowed)
		}
		if allowed && readText(t, path) != "x" {
			t.Errorf("%s is not written", path)
		}
	}
}

func TestConstantsGoAboveTheStartOfWordPress(t *testing.T) {
	const block = "// BEGIN wpre-relay\nnew\n// END wpre-relay\n"
	const old = "// BEGIN wpre-relay\nold\n// END wpre-relay\n"
	for _, tc := range []struct {
		before, after string // after is "" for an error
		known         facts
	}{
		{"<?php\nx;\nrequire_once ABSPATH . 'wp-settings.php';\n",
			"<?php\nx;\n" + block + "require_once ABSPATH . 'wp-settings.php';\n", facts{}},
		{"<?php\nx;\n", "<?php\n" + block + "x;\n", facts{}}, // one of Debian's configurations
		{"<?php\n" + old + "x;\n", "<?php\n" + block + "x;\n", facts{URL: "old"}},
		{"<?php\n" + block, "<?php\n" + block, facts{URL: "new"}},
		{"<?php\nrequire 'wp-settings.php';\nrequire 'wp-settings.php';\n", "", facts{}},
		{"<?php declare(strict_types=1);\n", "", facts{}},
		{"<?php\ndeclare(strict_types=1);\n", "", facts{}},
		{"<?php\nx;\n", "", facts{URL: "elsewhere"}},
	} {
		edit := change{Kind: editFile, Path: "wp-config.php", Text: block, Count: 1}
		err := edit.place(tc.before, tc.known)
		got, editErr := edit.edit(tc.before)
		if (err != nil || editErr != nil) != (tc.after == "") || err == nil && got != tc.after {
			t.Errorf("%q becomes %q, %v, want %q", tc.before, got, err, tc.after)
		}
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
