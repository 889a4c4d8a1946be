package watcher

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestConcurrentWritersCauseNoMixture reads a file while it is overwritten without a truncation, each time with another
// content. No content may have parts of two writes.
func TestConcurrentWritersCauseNoMixture(t *testing.T) {
	const size, writes = 256 << 10, 1000
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content := func(n int) []byte { return bytes.Repeat(binary.BigEndian.AppendUint32(nil, uint32(n)), size/4) }
	if _, err := f.Write(content(0)); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		for n := range writes {
			if _, err := f.WriteAt(content(n), 0); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	reader := fileReader{limit: size + 1}
	defer reader.close()
	for reads := 0; ; reads++ {
		got, _, err := reader.read(path, nil, true)
		if err != nil && !errors.Is(err, errUnstable) {
			t.Fatal(err)
		}
		if err == nil && (len(got) != size || !bytes.Equal(got[4:], got[:size-4])) {
			t.Fatalf("read %d: %d bytes, from %x to %x", reads, len(got), got[:4], got[len(got)-4:])
		}
		select {
		case err := <-written:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}
