package durabletest_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/durable/durabletest"
)

// long has two pieces of 512 bytes.
var long = strings.Repeat("a", 512) + strings.Repeat("b", 512)

// cutCases list states that a power failure must be able to leave, and states that it must not leave. A state has the
// contents of /f and /g, with "-" for a missing file and "0" for a zero byte.
var cutCases = map[string]struct {
	run         func(d *durabletest.Disk)
	byFile      bool // directory entries become durable with the file
	want, never []string
}{
	"new file": {
		run:  func(d *durabletest.Disk) { put(d, "/f", "xy", false) },
		want: []string{"- -", " -", "00 -", "xy -"},
	},
	"synced file without its entry": {
		run:  func(d *durabletest.Disk) { put(d, "/f", "xy", true) },
		want: []string{"- -", "xy -"}, never: []string{" -", "00 -"},
	},
	"entry durable with the file": {
		run:    func(d *durabletest.Disk) { put(d, "/f", "xy", true) },
		byFile: true,
		want:   []string{"xy -"}, never: []string{"- -", " -", "00 -"},
	},
	"entry without content": {
		run:  func(d *durabletest.Disk) { put(d, "/f", "xy", false); d.SyncDir("/") },
		want: []string{" -", "00 -", "xy -"}, never: []string{"- -"},
	},
	"rename without sync": {
		run:  func(d *durabletest.Disk) { settled(d, "/g", "old"); put(d, "/f", "xy", false); d.Rename("/f", "/g") },
		want: []string{"- ", "- 00", "- xy", "- old", "xy old"},
	},
	"rename with both syncs": {
		run: func(d *durabletest.Disk) {
			settled(d, "/g", "old")
			put(d, "/f", "xy", true)
			d.Rename("/f", "/g")
			d.SyncDir("/")
		},
		want: []string{"- xy"}, never: []string{"- ", "- 00", "- old", "xy old", "- -"},
	},
	"rename with the file's sync": {
		run:  func(d *durabletest.Disk) { settled(d, "/g", "old"); put(d, "/f", "xy", true); d.Rename("/f", "/g") },
		want: []string{"- old", "xy old", "- xy"}, never: []string{"- ", "- 00", "- -"},
	},
	"unlink": {
		run:  func(d *durabletest.Disk) { settled(d, "/f", "old"); d.Remove("/f") },
		want: []string{"old -", "- -"},
	},
	"truncation and write": {
		run:  func(d *durabletest.Disk) { settled(d, "/f", "old"); put(d, "/f", "x", false) },
		want: []string{"old -", "xld -", " -", "0 -", "x -"},
	},
	"two pieces": {
		run:  func(d *durabletest.Disk) { settled(d, "/f", ""); put(d, "/f", long, false) },
		want: []string{" -", long[:512] + zeros + " -", zeros + long[512:] + " -", long + " -"},
	},
	"failed sync, then a sync": {
		run: func(d *durabletest.Disk) {
			settled(d, "/f", "")
			file, _ := d.OpenFile("/f", os.O_WRONLY, 0)
			file.Write([]byte("xy"))
			d.Fail = func(int, string, string) error { return syscall.EIO }
			file.Sync()
			d.Fail = nil
			file.Sync()
		},
		want: []string{"00 -", "xy -"}, never: []string{" -"},
	},
}

func TestCutsLeaveEachState(t *testing.T) {
	for name, tc := range cutCases {
		left := make(map[string]bool)
		disk := durabletest.NewDisk(durabletest.Model{Piece: 512, EntriesByFile: tc.byFile})
		tc.run(disk)
		random := rand.New(rand.NewPCG(1, 0))
		disk.Cuts(random, func(d *durabletest.Disk) { left[content(d, "/f")+" "+content(d, "/g")] = true })
		for _, state := range tc.want {
			if !left[state] {
				t.Errorf("%s: state %.20q is missing", name, state)
			}
		}
		for _, state := range tc.never {
			if left[state] {
				t.Errorf("%s: state %.20q is left", name, state)
			}
		}
	}
}

var zeros = strings.Repeat("0", 512)

// put creates or truncates a file and writes it.
func put(d *durabletest.Disk, path, text string, sync bool) {
	file, _ := d.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0)
	file.Write([]byte(text))
	if sync {
		file.Sync()
	}
}

// settled creates a durable file.
func settled(d *durabletest.Disk, path, text string) {
	put(d, path, text, true)
	d.SyncDir("/")
}

// content returns the content of a file, "-" if it is missing, with "0" for a zero byte.
func content(d *durabletest.Disk, path string) string {
	text, err := durable.ReadFile(d, path)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	return strings.ReplaceAll(string(text), "\x00", "0")
}

// TestPartialCalls does a part of a write and of a read.
func TestPartialCalls(t *testing.T) {
	disk := durabletest.NewDisk(durabletest.Model{Piece: 512})
	fail := func(want string, bytes int) func(int, string, string) error {
		return func(_ int, call, _ string) error {
			if call == want {
				return durabletest.Partial{Err: syscall.ENOSPC, Bytes: bytes}
			}
			return nil
		}
	}
	disk.Fail = fail("write", -1)
	file, _ := disk.OpenFile("/f", os.O_RDWR|os.O_CREATE, 0)
	if n, err := file.Write([]byte("abc")); n != 2 || !errors.Is(err, syscall.ENOSPC) || content(disk, "/f") != "ab" {
		t.Errorf("Write: %d, %v, content %q", n, err, content(disk, "/f"))
	}
	disk.Fail = fail("read", 1)
	p := make([]byte, 2)
	if n, err := file.ReadAt(p, 0); n != 1 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
}
