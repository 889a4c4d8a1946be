//go:build linux

package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCompanionIsInstalledAsOwner installs the companion as root in a WordPress whose wp-content belongs to the web
// server's user, by each path that --install accepts.
func TestCompanionIsInstalledAsOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	for name, path := range map[string]string{"root": "", "wp-content": "/wp-content", "must-use plugins": muPlugins} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := newWordPress(t, remove(muPlugins), giveToWebServer("/wp-content"))
			cmd := command(t, "companion", "--install", root+path)
			text, status := run(t, cmd)
			installed := filepath.Join(root, muPlugins, "wpre-relay-companion.php")
			if status != 0 || text != "Installed "+installed+"\n" {
				t.Fatalf("exit status %d: %s", status, text)
			}
			for path, want := range map[string]os.FileMode{installed: 0o644, filepath.Dir(installed): os.ModeDir | 0o755} {
				info, err := os.Lstat(path)
				if err != nil {
					t.Fatal(err)
				}
				if uid := info.Sys().(*syscall.Stat_t).Uid; uid != wwwData || info.Mode() != want {
					t.Errorf("%s: uid %d, mode %v, want %d, %v", path, uid, info.Mode(), wwwData, want)
				}
			}
			text, _ = run(t, command(t, "check", "--watch", root))
			if !strings.Contains(text, "OK    companion: the companion is installed") {
				t.Errorf("check prints:\n%s", text)
			}
		})
	}
}

// TestCompanionIsInstalledNowhereElse passes directories that hold no WordPress.
func TestCompanionIsInstalledNowhereElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "")
	for path, want := range map[string]string{
		dir:                     "no WordPress found in ",
		dir + "/file":           "is not a directory",
		dir + "/no/mu-plugins":  "no such file or directory",
		dir + "/no/wp-content/": "no such file or directory",
	} {
		text, status := run(t, command(t, "companion", "--install", path))
		if status != 1 || !strings.Contains(text, want) {
			t.Errorf("%s: exit status %d, want 1 and %q:\n%s", path, status, want, text)
		}
	}
}
