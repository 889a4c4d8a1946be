package watcher

import (
	"testing"
	"time"
)

// TestRewrittenFileInANewFolderIsAnOverwrite has times in milliseconds after the last read.
func TestRewrittenFileInANewFolderIsAnOverwrite(t *testing.T) {
	read := time.Unix(1000, 0)
	at := func(ms int) fileVersion {
		return fileVersion{ino: 1, modified: read.Add(time.Duration(ms) * time.Millisecond).UnixNano()}
	}
	for _, tc := range []struct {
		name         string
		folder, file fileVersion
		want         uint64
	}{
		{"no file yet", at(5), fileVersion{}, 0},
		{"written once", at(5), at(5), 0},
		{"written once, clocks in ticks", at(5), at(15), 0},
		{"written again", at(5), at(16), 1},
		{"replaced by a rename", at(20), at(19), 0},
		{"a folder from before the last read", at(-5), at(30), 0},
		{"a release that was deployed with its file", at(5), at(-100), 0},
	} {
		if got := writtenUnwatched(tc.folder, tc.file, read); got != tc.want {
			t.Errorf("%s: %d overwritten, want %d", tc.name, got, tc.want)
		}
	}
}
