package durable_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"wpre-relay/relay/durable"
)

// TestIncarnationChangesWithMount mounts an ext4 file system twice.
func TestIncarnationChangesWithMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root may mount a file system")
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: %s: %v %s", name, err, out)
		}
	}
	run("mkfs.ext4", "-q", image, "16M")
	mounted := func() durable.Incarnation {
		t.Helper()
		run("mount", "-o", "loop", image, dir)
		defer run("umount", dir)
		first, second := durable.OS.Incarnation(dir), durable.OS.Incarnation(dir)
		if first != second || first.Boot == "" || first.Mount == "" {
			t.Errorf("incarnations %+v and %+v, want the same one", first, second)
		}
		return first
	}
	if first, second := mounted(), mounted(); first.Boot != second.Boot || first.Mount == second.Mount {
		t.Errorf("incarnations of two mounts: %+v and %+v", first, second)
	}
}

func TestReplaceAndOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "file")
	if err := durable.MkdirAll(durable.OS, filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Overwrite(durable.OS, path, []byte("x")); !os.IsNotExist(err) {
		t.Errorf("Overwrite of a missing file: %v", err)
	}
	for _, write := range []func(durable.FS, string, []byte) error{
		durable.Replace, durable.Overwrite, durable.OverwriteSync, durable.Replace,
	} {
		for _, want := range []string{"long content", "short"} {
			err := write(durable.OS, path, []byte(want))
			if got, readErr := durable.ReadFile(durable.OS, path); err != nil || readErr != nil || string(got) != want {
				t.Errorf("content %q, %v, %v; want %q", got, err, readErr, want)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("files %v, %v; want one", entries, err)
	}
}
