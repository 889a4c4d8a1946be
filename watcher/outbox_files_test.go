package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOutboxIsReadInOrderDuringTheFirstRotation starts to read an outbox while the first rotation renames its file. The
// lines must be consecutive.
func TestOutboxIsReadInOrderDuringTheFirstRotation(t *testing.T) {
	dir := t.TempDir()
	current, previous := filepath.Join(dir, "events-key.ndjson"), filepath.Join(dir, "events-key.1.ndjson")
	for i := range 50 { // files of other keys make a listing take longer
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("events-a%d.ndjson", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	number := 0
	writeNext := func() error {
		number++
		return os.WriteFile(current, fmt.Appendf(nil, "%d\n", number), 0o600)
	}
	if err := writeNext(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if err := os.Remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		rotated := make(chan error)
		go func() {
			err := os.Rename(current, previous)
			if err == nil {
				err = writeNext()
			}
			rotated <- err
		}()
		got, err := readNumbers(filepath.Join(dir, "latest_event.json"))
		if err := <-rotated; err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := []int{number - 1, number}
		if !slices.Equal(got, want) && !slices.Equal(got, want[:1]) {
			t.Fatalf("read %v, want %v, or the first of them", got, want)
		}
	}
}

// readNumbers returns the lines of the outbox beside an event file.
func readNumbers(eventFile string) (numbers []int, err error) {
	o := outbox{limit: 1 << 10, validLine: func([]byte) bool { return true }}
	o.refresh(eventFile)
	for line, err := range o.lines(eventFile, 0) {
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(line)))
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
