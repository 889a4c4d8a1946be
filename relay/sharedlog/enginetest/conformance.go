// Package enginetest tests implementations of sharedlog.Engine, and starts the brokers that the tests need. It does
// not test what a broker loses, which each engine's own tests do.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/testwait"
)

// conformance is the state of Test.
type conformance struct {
	open         func() (sharedlog.Engine, error)
	deduplicates bool
	one, two     sharedlog.Engine // two connections to the stream
	start        uint64           // sequence number of the newest entry before the first subtest
}

// Test runs the conformance tests. Open opens a connection to the same stream at each call; the stream is new at the
// first. Deduplicates says that the broker drops an entry whose ID it has seen recently.
func Test(t *testing.T, open func() (sharedlog.Engine, error), deduplicates bool) {
	c := &conformance{open: open, deduplicates: deduplicates}
	c.one, c.two = c.connect(t), c.connect(t)
	c.start = c.join(t, c.one).Last
	t.Run("reads entries in order, and new ones as they arrive", c.testRead)
	t.Run("reads from a sequence number", c.testReadAfter)
	t.Run("concurrent writers get one order", c.testConcurrentWriters)
	t.Run("repeated IDs", c.testRepeatedIDs)
	t.Run("Read ends with its context", c.testReadEndsWithContext)
	t.Run("Read returns the error of take", c.testReadReturnsErrorOfTake)
}

func (c *conformance) connect(t *testing.T) sharedlog.Engine {
	t.Helper()
	engine, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

func (c *conformance) join(t *testing.T, engine sharedlog.Engine) sharedlog.StreamInfo {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	info, err := engine.Join(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if info.Epoch == "" || info.First == 0 || info.Last < info.First-1 {
		t.Fatalf("Join returns %+v", info)
	}
	return info
}

// firstEntries is the number of entries that testRead appends and testReadAfter reads again.
const firstEntries = 300

func (c *conformance) testRead(t *testing.T) {
	const n = firstEntries
	before := c.join(t, c.one)
	appended := appendAll(t, c.one, "a", n/2)
	info := c.join(t, c.two)
	if info.Epoch != before.Epoch || info.Last < before.Last+n/2 {
		t.Errorf("Join after %d entries returns %+v, and %+v before", n/2, info, before)
	}
	got := make(chan []sharedlog.Entry, 1)
	go func() { got <- read(t, c.two, c.start, n) }()
	appended = append(appended, appendAll(t, c.one, "b", n/2)...)
	wantTexts(t, <-got, appended)
	wantTexts(t, read(t, c.connect(t), c.start, n), appended)
}

func (c *conformance) testReadAfter(t *testing.T) {
	last := c.join(t, c.one).Last
	all := read(t, c.one, c.start, firstEntries)
	for _, n := range []int{1, 100, firstEntries - 1} {
		wantTexts(t, read(t, c.two, all[n-1].Seq, firstEntries-n), texts(all[n:]))
	}
	appended := appendAll(t, c.two, "c", 1)
	wantTexts(t, read(t, c.one, last, 1), appended)
}

func (c *conformance) testConcurrentWriters(t *testing.T) {
	const writers, each = 4, 50
	before := c.join(t, c.one).Last
	var appending sync.WaitGroup
	for w := range writers {
		engine := c.connect(t)
		appending.Go(func() { appendAll(t, engine, fmt.Sprintf("w%d", w), each) })
	}
	first, second := read(t, c.one, before, writers*each), read(t, c.two, before, writers*each)
	appending.Wait()
	wantTexts(t, first, texts(second))
	for w := range writers {
		n := 0
		for _, entry := range first {
			if entry.ID == fmt.Sprintf("w%d-%d", w, n) {
				n++
			}
		}
		if n != each {
			t.Errorf("writer %d: %d of %d entries in order", w, n, each)
		}
	}
}

func (c *conformance) testRepeatedIDs(t *testing.T) {
	before := c.join(t, c.one).Last
	for _, id := range []string{"x", "x", "y", "x", "z"} {
		if err := appendOne(t, c.one, id, id); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"x", "x", "y", "x", "z"}
	if c.deduplicates {
		want = []string{"x", "y", "z"}
	}
	wantTexts(t, read(t, c.two, before, len(want)), want)
}

func (c *conformance) testReadEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	last := c.join(t, c.one).Last
	go func() { result <- c.one.Read(ctx, last, func([]sharedlog.Entry) error { return nil }) }()
	cancel()
	select {
	case <-result:
	case <-time.After(testwait.Limit):
		t.Fatal("Read does not return when its context ends")
	}
}

func (c *conformance) testReadReturnsErrorOfTake(t *testing.T) {
	enough := errors.New("enough")
	err := c.two.Read(t.Context(), c.start, func([]sharedlog.Entry) error { return enough })
	if err != enough {
		t.Errorf("Read returns %v, want %v", err, enough)
	}
}

func appendOne(t *testing.T, engine sharedlog.Engine, id, text string) error {
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	return engine.Append(ctx, id, []byte(text))
}

// appendAll appends n entries and returns their texts.
func appendAll(t *testing.T, engine sharedlog.Engine, name string, n int) (appended []string) {
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		if err := appendOne(t, engine, id, id); err != nil {
			t.Errorf("append %s: %v", id, err)
		}
		appended = append(appended, id)
	}
	return appended
}

// read returns n entries after a sequence number. Their numbers must have no gaps. It skips entries without a text,
// which engines append for themselves.
func read(t *testing.T, engine sharedlog.Engine, after uint64, n int) (all []sharedlog.Entry) {
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	enough := errors.New("enough")
	seq := after
	err := engine.Read(ctx, after, func(entries []sharedlog.Entry) error {
		for _, entry := range entries {
			if seq++; entry.Seq != seq {
				return fmt.Errorf("got sequence number %d, want %d", entry.Seq, seq)
			}
			if len(entry.Text) == 0 {
				continue
			}
			entry.Text = slices.Clone(entry.Text)
			all = append(all, entry)
		}
		if len(all) >= n {
			return enough
		}
		return nil
	})
	if err != enough {
		t.Errorf("read after %d: %v, with %d of %d entries", after, err, len(all), n)
	}
	return all
}

func texts(entries []sharedlog.Entry) (texts []string) {
	for _, entry := range entries {
		texts = append(texts, string(entry.Text))
	}
	return texts
}

func wantTexts(t *testing.T, got []sharedlog.Entry, want []string) {
	t.Helper()
	if texts := texts(got); !slices.Equal(texts, want) {
		t.Errorf("got %v, want %v", texts, want)
	}
}
