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

// concatenate is a parse function. It rejects empty files.
func concatenate(contents [][]byte) (string, error) {
	for i, content := range contents {
		if len(content) == 0 {
			return "", &watchedfile.Error{File: i, Err: errors.New("file is empty")}
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

func TestGetReturnsChangesAfterASecond(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	write(t, b, "x")
	synctest.Test(t, func(t *testing.T) {
		v, err := watchedfile.Open(slog.New(slog.DiscardHandler), concatenate, a, b)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(when, want string) {
			t.Helper()
			if got := v.Get(); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		expect("after Open", "1x")
		write(t, a, "22")
		expect("within a second of a change", "1x")
		time.Sleep(time.Second)
		expect("a second after a change", "22x")
		write(t, b, "")
		time.Sleep(time.Second)
		expect("with an invalid file", "22x")
		os.Remove(b)
		time.Sleep(time.Second)
		expect("without a file", "22x")
		write(t, b, "yy")
		v.Reload()
		expect("after Reload", "22yy")
		os.Remove(b)
		os.Symlink(a, b)
		time.Sleep(time.Second)
		expect("with a symbolic link", "2222")
	})
}

func TestOpenReturnsErrorsWithFileNames(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	if _, err := watchedfile.Open(slog.Default(), concatenate, a, b); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	write(t, b, "")
	_, err := watchedfile.Open(slog.Default(), concatenate, a, b)
	if err == nil || !strings.HasPrefix(err.Error(), b+": ") {
		t.Errorf("empty file: error = %v, want one that starts with its name", err)
	}
}
