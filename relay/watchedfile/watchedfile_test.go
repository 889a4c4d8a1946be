package watchedfile_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/watchedfile"
)

func join(contents [][]byte) (string, error) {
	for i, content := range contents {
		if len(content) == 0 {
			return "", &watchedfile.Error{File: i, Err: errors.New("it is empty")}
		}
	}
	return string(contents[0]) + string(contents[1]), nil
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChangesAreSeenASecondLater(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	write(t, b, "x")
	synctest.Test(t, func(t *testing.T) {
		v, err := watchedfile.Open(slog.New(slog.DiscardHandler), join, a, b)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(when, want string) {
			t.Helper()
			if got := v.Get(); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		expect("at first", "1x")
		write(t, a, "22")
		expect("within the second", "1x")
		time.Sleep(time.Second)
		expect("a second later", "22x")
		write(t, b, "")
		time.Sleep(time.Second)
		expect("while one cannot be used", "22x")
		os.Remove(b)
		time.Sleep(time.Second)
		expect("while one is not there", "22x")
		write(t, b, "yy")
		v.Reload()
		expect("asked to reload", "22yy")
		os.Remove(b)
		os.Symlink(a, b)
		time.Sleep(time.Second)
		expect("through a link", "2222")
	})
}

func TestWhatCannotBeUsedAtFirstIsAnError(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	if _, err := watchedfile.Open(slog.Default(), join, a, b); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	write(t, b, "")
	if _, err := watchedfile.Open(slog.Default(), join, a, b); err == nil || !strings.HasPrefix(err.Error(), b+": ") {
		t.Errorf("an empty file: %v, want its name", err)
	}
}
