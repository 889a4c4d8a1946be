package watchedfile_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/watchedfile"
)

// renewed is the modification time of all files here, as in the Nix store.
var renewed = time.Unix(1, 0)

// writeAt writes a file with the modification time renewed.
func writeAt(t *testing.T, path, content string) {
	t.Helper()
	write(t, path, content)
	if err := os.Chtimes(path, renewed, renewed); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGetDetectsEveryReplacement replaces a file by another of the same size, mode and modification time.
func TestGetDetectsEveryReplacement(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, dir, path string){
		"written in place": func(t *testing.T, _, path string) { writeAt(t, path, "new") },
		"renamed over": func(t *testing.T, dir, path string) {
			writeAt(t, filepath.Join(dir, "temporary"), "new")
			must(t, os.Rename(filepath.Join(dir, "temporary"), path))
		},
		"removed and created": func(t *testing.T, _, path string) {
			must(t, os.Remove(path))
			writeAt(t, path, "new")
		},
		"replaced by a link": func(t *testing.T, dir, path string) {
			writeAt(t, filepath.Join(dir, "target"), "new")
			must(t, os.Remove(path))
			must(t, os.Symlink(filepath.Join(dir, "target"), path))
		},
		"folder link switched, as in Kubernetes": func(t *testing.T, dir, _ string) {
			must(t, os.Mkdir(filepath.Join(dir, "2"), 0o700))
			writeAt(t, filepath.Join(dir, "2", "key"), "new")
			must(t, os.Symlink("2", filepath.Join(dir, "temporary")))
			must(t, os.Rename(filepath.Join(dir, "temporary"), filepath.Join(dir, "data")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.Mkdir(filepath.Join(dir, "1"), 0o700))
			must(t, os.Symlink("1", filepath.Join(dir, "data")))
			path := filepath.Join(dir, "data", "key")
			writeAt(t, path, "old")
			synctest.Test(t, func(t *testing.T) {
				v, err := watchedfile.Open(slog.New(slog.DiscardHandler), first, path)
				must(t, err)
				replace(t, dir, path)
				time.Sleep(time.Second)
				if got := v.Get(); got != "new" {
					t.Errorf("value %q, want the new one", got)
				}
			})
		})
	}
}

// first is a parse function.
func first(contents [][]byte) (string, error) { return string(contents[0]), nil }

func TestFailureIsLoggedOnceAndRecoveryIsDetected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	writeAt(t, path, "old")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		v, err := watchedfile.Open(slog.New(slog.NewTextHandler(&log, nil)), first, path)
		must(t, err)
		must(t, os.Remove(path))
		for range 5 {
			time.Sleep(time.Second)
			v.Get()
		}
		if n := strings.Count(log.String(), "reload failed"); n != 1 {
			t.Errorf("%d failures logged, want 1: %s", n, &log)
		}
		writeAt(t, path, "new")
		time.Sleep(time.Second)
		if got := v.Get(); got != "new" {
			t.Errorf("value %q after the file is back, want the new one", got)
		}
	})
}

func TestPipesAreReadOnce(t *testing.T) {
	reader, writer, err := os.Pipe()
	must(t, err)
	defer reader.Close()
	_, err = writer.WriteString("key")
	must(t, err)
	must(t, writer.Close())
	path := filepath.Join("/dev/fd", strconv.Itoa(int(reader.Fd())))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("this system has no %s", path)
	}
	v, err := watchedfile.Open(slog.New(slog.DiscardHandler), first, path)
	must(t, err)
	v.Reload()
	if got := v.Get(); got != "key" {
		t.Errorf("value %q, want the one that was read first", got)
	}
}
