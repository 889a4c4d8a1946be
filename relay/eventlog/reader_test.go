package eventlog_test

import (
	"sync"
	"testing"

	"wpre-relay/relay/eventlog"
)

// isClosed reports whether a channel is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAppendClosesGrown(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{})
	recs, _, grown, err := l.ReadMemory(nil, 0, 1000)
	if len(recs) > 0 || err != nil || isClosed(grown) {
		t.Fatalf("empty log: %d records, %v, grown is closed: %v", len(recs), err, isClosed(grown))
	}
	l.Append(numbered(t, 1))
	if !isClosed(grown) {
		t.Error("Append does not close grown")
	}
}

func TestAppendCallsOnGrowthUnlessItDelivers(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{})
	grown, delivered := 0, 0
	l.OnGrowth(func() { grown++ })
	l.Append(numbered(t, 1))
	l.AppendAndDeliver(numbered(t, 2), func() { delivered++ })
	if grown != 1 || delivered != 1 {
		t.Errorf("OnGrowth's function was called %d times, and deliver %d times, want once each", grown, delivered)
	}
}

func TestReadMemoryReturnsRecordsAfterPosition(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{Records: 5})
	for n := range 8 {
		l.Append(numbered(t, n))
	}
	size := len(l.Records()[0].Event.Document)
	for _, tc := range []struct {
		after uint64
		max   int
		want  int
		more  bool
		gap   bool
	}{
		{after: 3, max: 10 * size, want: 5},
		{after: 3, max: 2 * size, want: 2, more: true},
		{after: 3, max: 1, want: 1, more: true},
		{after: 7, max: 1, want: 1},
		{after: 8, max: 1, want: 0},
		{after: 99, max: 1, want: 0},
		{after: 2, max: 10 * size, want: 5, gap: true},
	} {
		recs, _, grown, err := l.ReadMemory(nil, tc.after, tc.max)
		if err != nil || len(recs) != tc.want {
			t.Errorf("after %d, up to %d bytes: %d records, %v; want %d", tc.after, tc.max, len(recs), err, tc.want)
			continue
		}
		if len(recs) > 0 && (recs[0].Position.Seq != tc.after+1) != tc.gap {
			t.Errorf("after %d: first record is %v, want a gap: %v", tc.after, recs[0].Position, tc.gap)
		}
		if got := isClosed(grown); got != tc.more {
			t.Errorf("after %d, up to %d bytes: grown is closed: %v, want %v", tc.after, tc.max, got, tc.more)
		}
	}
}

func TestReadReturnsEvictedRecordsFromJournal(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{MemoryRecords: 2})
	var want []string
	for n := range 500 {
		want = append(want, string(l.Append(numbered(t, n))[0].Event.Document))
	}
	if _, _, _, err := l.ReadMemory(nil, 0, 1<<20); err != eventlog.ErrNotInMemory {
		t.Errorf("ReadMemory: %v, want %v", err, eventlog.ErrNotInMemory)
	}
	var recs []*eventlog.Record
	for seq := uint64(0); seq < 500; {
		var err error
		if recs, seq, _, err = l.Read(recs, seq, 1<<20); err != nil || len(recs) == 0 {
			t.Fatalf("Read after %d: %d records, %v", seq, len(recs), err)
		}
		for _, rec := range recs {
			if got := string(rec.Event.Document); got != want[rec.Position.Seq-1] {
				t.Fatalf("record %v = %q, want %q", rec.Position, got, want[rec.Position.Seq-1])
			}
		}
	}
	for n, seq := range map[int]uint64{0: 500, 1: 499, 2: 498, 3: 497, 400: 100, 500: 0, 501: 0} {
		if got := l.BeforeNewest(n); got.Seq != seq {
			t.Errorf("BeforeNewest(%d) = %d, want %d", n, got.Seq, seq)
		}
	}
}

// TestReadersSeeEveryRecordDuringRotation reads records that are no longer in memory while others are appended.
func TestReadersSeeEveryRecordDuringRotation(t *testing.T) {
	const total, retained, memory = 3000, 400, 20
	l := open(t, t.TempDir(), eventlog.Options{Records: retained, MemoryRecords: memory})
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		for n := range total {
			l.Append(numbered(t, n))
		}
	}()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for more := true; more; {
				more = !isClosed(appended)
				start, head := l.Start().Seq, l.Head().Seq
				got := seqs(t, l, start)
				for i := 1; i < len(got); i++ {
					if got[i] <= got[i-1] {
						t.Errorf("record %d follows record %d", got[i], got[i-1])
						return
					}
				}
				if n := len(got); n == 0 && head > 0 || n > 0 && got[n-1] < head {
					t.Errorf("Start = %d, Head = %d: got %d records", start, head, n)
					return
				}
			}
		})
	}
	readers.Wait()
	got := seqs(t, l, 0)
	if len(got) != retained || got[0] != total-retained+1 || got[retained-1] != total {
		t.Errorf("%d records retained, from %d", len(got), got[0])
	}
}

func BenchmarkReadMemory(b *testing.B) {
	l := open(b, b.TempDir(), eventlog.Options{})
	for n := range 1000 {
		l.Append(numbered(b, n))
	}
	var recs []*eventlog.Record
	b.ReportAllocs()
	for b.Loop() {
		recs, _, _, _ = l.ReadMemory(recs, 999, 64<<10)
	}
	if len(recs) != 1 {
		b.Fatal(len(recs))
	}
}

// TestReadReturnsVisibleRecordsOnly reads from the journal while Append has written a record that is not visible yet. A
// client that got it there would get it again.
func TestReadReturnsVisibleRecordsOnly(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{MemoryRecords: 1})
	for n := range 3 {
		l.Append(numbered(t, n))
	}
	l.AppendToJournal(numbered(t, 3))
	recs, upTo, _, err := l.Read(nil, 0, 1000)
	if head := l.Head().Seq; err != nil || len(recs) != 3 || upTo != head {
		t.Errorf("%d records up to %d, %v; want those up to %d", len(recs), upTo, err, head)
	}
}
