package sharedlog

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/durable/durabletest"
	"wpre-relay/schema"
)

// saves are sequence numbers whose digits could be mixed to a higher one.
var saves = []uint64{9, 10, 1199, 1200, 1299}

func positionOn(disk *durabletest.Disk) positionFile { return positionFile{disk, "/var/received"} }

func position(seq uint64) schema.Position { return schema.Position{Epoch: "k3x9a2mq", Seq: seq} }

// loaded returns the sequence number in the file, or 0 if there is no file. Any other error is one of the test.
func loaded(t *testing.T, disk *durabletest.Disk, failure string) uint64 {
	at, text, err := positionOn(disk).load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %q: %v", failure, text, err)
	}
	return at.Seq
}

// TestPositionFileSurvivesPowerFailure saves positions and deletes the file, and cuts the power before each change. The
// file has a position that was saved, from the first save on. A deleted file stays deleted.
func TestPositionFileSurvivesPowerFailure(t *testing.T) {
	var allowed []uint64
	states := durabletest.EachCut(func(disk *durabletest.Disk) {
		allowed = []uint64{0}
		durable.MkdirAll(disk, "/var", 0o700)
		file := positionOn(disk)
		for i, seq := range saves {
			allowed = append(allowed, seq)
			if err := file.save(position(seq)); err != nil {
				t.Error(err)
			}
			if i == 0 {
				allowed = allowed[1:]
			}
			disk.OnChange()
		}
		allowed = append(allowed, 0)
		if err := file.remove(); err != nil {
			t.Error(err)
		}
		allowed = []uint64{0}
	}, func(left *durabletest.Disk) {
		if got := loaded(t, left, "power failure"); !slices.Contains(allowed, got) {
			t.Errorf("loaded %d, want one of %d", got, allowed)
		}
	})
	t.Logf("%d states", states)
}

// TestPositionFileHasNoMixedDigits fails one write after each number of bytes. A higher position than the saved ones
// would be published, or received, without being so.
func TestPositionFileHasNoMixedDigits(t *testing.T) {
	for written := range savedSize {
		disk := durabletest.NewDisk(durabletest.Model{Piece: 512})
		if err := positionOn(disk).save(position(1199)); err == nil {
			t.Fatal("saved without a directory")
		}
		durable.MkdirAll(disk, "/var", 0o700)
		positionOn(disk).save(position(1199))
		failed := false
		disk.Fail = func(_ int, call, _ string) error {
			if call != "write" || failed {
				return nil
			}
			failed = true
			return durabletest.Partial{Err: syscall.EIO, Bytes: written}
		}
		err := positionOn(disk).save(position(1200))
		if got := loaded(t, disk.Kill(), "partial write"); err != nil || got != 1200 {
			t.Errorf("%d bytes written: loaded %d, %v", written, got, err)
		}
	}
}

// TestPositionFileSurvivesEachFailure fails one call. The file has the position, or save has returned an error, and
// then the file has a position that was saved before or the new one.
func TestPositionFileSurvivesEachFailure(t *testing.T) {
	runs := durabletest.EachFailure(func(disk *durabletest.Disk, failure string) {
		allowed := []uint64{0}
		if err := durable.MkdirAll(disk, "/var", 0o700); err != nil {
			durable.MkdirAll(disk, "/var", 0o700)
		}
		for _, seq := range saves {
			err := positionOn(disk).save(position(seq))
			allowed = append(allowed, seq)
			got := loaded(t, disk.Kill(), failure)
			if err == nil && got != seq || !slices.Contains(allowed, got) {
				t.Errorf("%s: loaded %d after %d, %v", failure, got, seq, err)
			}
			disk.Cuts(rand.New(rand.NewPCG(1, 0)), func(left *durabletest.Disk) {
				if got := loaded(t, left, failure); !slices.Contains(allowed, got) {
					t.Errorf("%s: loaded %d, want one of %d", failure, got, allowed)
				}
			})
		}
		if err := positionOn(disk).remove(); err == nil && loaded(t, disk.Kill(), failure) != 0 {
			t.Errorf("%s: the file is there after remove", failure)
		}
	})
	t.Logf("%d runs", runs)
}
