package relay_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/durable"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// blindOutbox is a relay whose outbox cannot be read from time to time, while the companion continues to write.
type blindOutbox struct {
	t       *testing.T
	relay   *relay.Relay
	log     *eventlog.Log
	unread  []string // lines that the relay has not read
	written int
}

// write writes the next event, as a line and into the event file.
func (b *blindOutbox) write() (document string) {
	b.written++
	time.Sleep(time.Millisecond)
	document = post(b.written, fmt.Sprint(b.written))
	stamp := schema.Stamp{Position: schema.Position{Epoch: "a", Seq: uint64(b.written)}, Time: time.Now().UTC()}
	b.unread = append(b.unread, string(schema.Line{Stamp: stamp, Document: []byte(document)}.Append(nil)))
	return document
}

// read reads all lines.
func (b *blindOutbox) read() {
	for _, line := range b.unread {
		ingestLine(b.t, b.relay, line)
	}
	b.unread = nil
}

// ahead passes an event of the event file to the relay while the outbox cannot be read.
func (b *blindOutbox) ahead(document string) {
	b.t.Helper()
	if err := b.relay.IngestAhead(b.t.Context(), []byte(document), time.Now()); err != nil {
		b.t.Fatal(err)
	}
}

// want compares the titles of the relayed events and the number of those that were relayed without their lines.
func (b *blindOutbox) want(titlesWanted string, bypassed uint64) {
	b.t.Helper()
	synctest.Wait()
	if err := b.relay.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if got := titles(b.log); got != titlesWanted {
		b.t.Errorf("relayed %q, want %q", got, titlesWanted)
	}
	if got := b.relay.Bypassed(); got != bypassed {
		b.t.Errorf("%d events bypassed the outbox, want %d", got, bypassed)
	}
}

// withBlindOutbox runs a test in virtual time, with a relay that has read line 1.
func withBlindOutbox(t *testing.T, test func(b *blindOutbox)) {
	synctest.Test(t, func(t *testing.T) {
		log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		b := &blindOutbox{t: t, log: log, relay: relay.New(log, relay.Options{Logger: quiet})}
		stop := run(t, b.relay)
		b.write()
		b.read()
		test(b)
		stop()
		log.Close()
	})
}

func TestNumbersDecideTheOrderAfterTheOutboxWasUnreadable(t *testing.T) {
	withBlindOutbox(t, func(b *blindOutbox) {
		for n := 2; n <= 7; n++ {
			if document := b.write(); n%2 == 0 {
				b.ahead(document)
				b.ahead(document)
			}
			time.Sleep(time.Second)
		}
		b.want("1", 0)
		b.read()
		b.want("1 2 3 4 5 6 7", 0)
		time.Sleep(time.Minute)
		b.want("1 2 3 4 5 6 7", 0)
	})
}

func TestUnreadableOutboxIsBypassedAfterTheLimit(t *testing.T) {
	withBlindOutbox(t, func(b *blindOutbox) {
		b.write()
		b.ahead(b.write())
		time.Sleep(10*time.Second - time.Millisecond)
		b.want("1", 0)
		time.Sleep(time.Millisecond)
		b.want("1 3", 1)
		b.ahead(b.write())
		b.want("1 3 4", 1)
		b.read()
		b.want("1 3 4 2", 1)
		b.ahead(b.write()) // the outbox is followed again
		b.want("1 3 4 2", 1)
		b.read()
		b.want("1 3 4 2 5", 1)
	})
}

func TestHeldEventWithoutLineIsRelayedBeforeALaterLine(t *testing.T) {
	withBlindOutbox(t, func(b *blindOutbox) {
		b.ahead(post(100, "only in the file"))
		time.Sleep(time.Second)
		b.write()
		b.read()
		b.want("1 only in the file 2", 0)
	})
}

func TestHeldEventsAreRelayedAtTheEnd(t *testing.T) {
	withBlindOutbox(t, func(b *blindOutbox) {
		b.ahead(post(100, "x"))
		b.ahead(post(101, "y"))
		b.want("1", 0)
		b.t.Cleanup(func() {
			if got := titles(b.log); got != "1 x y" {
				b.t.Errorf("relayed %q, want both events", got)
			}
		})
	})
}

func TestMemoryOfHeldEventsIsBounded(t *testing.T) {
	withBlindOutbox(t, func(b *blindOutbox) {
		large := make([]byte, 1<<19)
		for i := range large {
			large[i] = 'x'
		}
		for n := range 33 {
			b.ahead(fmt.Sprintf(`{"timestamp":%d,"content":%q}`, n, large))
		}
		synctest.Wait()
		if got := b.relay.Bypassed(); got != 32 {
			b.t.Errorf("%d events of 512 KiB bypassed the outbox, want 32 of 33", got)
		}
	})
}

// TestEventsWithoutLinesKeepTheirOrder toggles the companion: some saves write no line.
func TestEventsWithoutLinesKeepTheirOrder(t *testing.T) {
	t.Run("before a later line", func(t *testing.T) {
		withBlindOutbox(t, func(b *blindOutbox) {
			b.ahead(post(2, "without a line"))
			time.Sleep(20 * time.Millisecond)
			b.write()
			b.read()
			b.want("1 without a line 2", 0)
		})
	})
	t.Run("before an event that was read after the outbox", func(t *testing.T) {
		withBlindOutbox(t, func(b *blindOutbox) {
			b.ahead(post(2, "first"))
			ingest(b.t, b.relay, post(3, "second"))
			b.want("1 first second", 0)
		})
	})
}

// slowFS is a file system whose appends take 2 ms while slow is set. slow belongs to the test.
type (
	slowFS struct {
		durable.FS
		slow *bool
	}
	slowFile struct {
		durable.File
		slow *bool
	}
)

func (f slowFS) OpenFile(name string, flag int, mode os.FileMode) (durable.File, error) {
	file, err := f.FS.OpenFile(name, flag, mode)
	return slowFile{file, f.slow}, err
}

func (f slowFile) Write(p []byte) (int, error) {
	if *f.slow {
		time.Sleep(2 * time.Millisecond)
	}
	return f.File.Write(p)
}

// TestIngestDoesNotWaitForASlowDisk checks that Ingest appends the first event itself and leaves the next ones to Run,
// until Run has appended eight of them fast.
func TestIngestDoesNotWaitForASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, direct := true, 0
		log, err := eventlog.Open(t.TempDir(), eventlog.Options{FS: slowFS{durable.OS, &slow}, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		r := relay.New(log, relay.Options{Direct: func() bool { direct++; return true }, Logger: quiet})
		ingestNow := func(file string) {
			if err := r.Ingest(t.Context(), []byte(file), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		ingestNow(post(1, "x"))
		ingestNow(post(2, "x"))
		if got := documents(log); got != post(1, "x") {
			t.Errorf("Ingest appended %q", got)
		}
		slow = false
		stop := run(t, r)
		defer stop()
		for i := 3; direct == 1 && i < 100; i++ {
			synctest.Wait() // Run has appended the event before
			ingestNow(post(i, "x"))
		}
		synctest.Wait()
		if got := len(log.Records()); direct != 2 || got != 10 {
			t.Errorf("direct appends: %d, the last after %d events; want the second for event 10", direct, got)
		}
	})
}
