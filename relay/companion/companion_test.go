package companion

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// installCases are states of wp-content before the installation: files by their paths, with links for targets that
// begin with "-> ". want is the path of the companion after it, or "" if the installation must fail.
var installCases = []struct {
	name   string
	before map[string]string
	want   string
}{
	{name: "no directory", want: "mu-plugins/wpre-relay-companion.php"},
	{name: "other plugins", before: map[string]string{"mu-plugins/a.php": "<?php", "mu-plugins/b/c.php": string(marker)},
		want: "mu-plugins/wpre-relay-companion.php"},
	{name: "old companion", before: map[string]string{"mu-plugins/wpre-relay-companion.php": "<?php " + string(marker)},
		want: "mu-plugins/wpre-relay-companion.php"},
	{name: "another name", before: map[string]string{"mu-plugins/relay.php": "<?php " + string(marker)},
		want: "mu-plugins/relay.php"},
	{name: "interrupted", before: map[string]string{"mu-plugins/wpre-relay-companion.php.tmp": "<?ph"},
		want: "mu-plugins/wpre-relay-companion.php"},
	{name: "link inside", before: map[string]string{"mu/a.php": "<?php", "mu-plugins": "-> mu"},
		want: "mu/wpre-relay-companion.php"},
	{name: "link that leads out", before: map[string]string{"mu-plugins": "-> ../outside"}},
	{name: "link in place of the companion",
		before: map[string]string{"mu-plugins/wpre-relay-companion.php": "-> ../../outside/file"},
		want:   "mu-plugins/wpre-relay-companion.php"},
	{name: "link in place of the temporary file",
		before: map[string]string{"mu-plugins/wpre-relay-companion.php.tmp": "-> ../../outside/file"},
		want:   "mu-plugins/wpre-relay-companion.php"},
	{name: "a file", before: map[string]string{"mu-plugins": "text"}},
}

// TestInstall also checks that nothing outside of wp-content changes, and that one companion is in the directory.
func TestInstall(t *testing.T) {
	t.Parallel()
	for _, tc := range installCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			content := filepath.Join(root, "wp-content")
			writeTree(t, root, map[string]string{"outside/file": "unchanged", "wp-content/index.php": ""})
			writeTree(t, content, tc.before)
			_, err := Install(filepath.Join(content, "mu-plugins"))
			if (err == nil) != (tc.want != "") {
				t.Fatalf("error %v, want a companion at %q", err, tc.want)
			}
			outside, _ := os.ReadDir(filepath.Join(root, "outside"))
			text, _ := os.ReadFile(filepath.Join(root, "outside", "file"))
			if len(outside) != 1 || string(text) != "unchanged" {
				t.Errorf("outside of wp-content: %v, %q", outside, text)
			}
			if tc.want != "" {
				expectCompanion(t, filepath.Join(content, tc.want))
			}
		})
	}
}

// writeTree writes files and links below root.
func writeTree(t *testing.T, root string, tree map[string]string) {
	t.Helper()
	for name, text := range tree {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(text, "-> ")
		err := error(nil)
		if isLink {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// expectCompanion checks that path is the companion with mode 0644, and the only one in its directory.
func expectCompanion(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != 0o644 {
		t.Errorf("mode %v, want 0644", mode)
	}
	if text, _ := os.ReadFile(path); !bytes.Equal(text, Plugin) {
		t.Errorf("%d bytes differ from the companion", len(text))
	}
	entries, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	for _, entry := range entries {
		if text, _ := os.ReadFile(entry); entry != path && bytes.Contains(text, marker) {
			t.Errorf("%s is a second companion", entry)
		}
	}
}
