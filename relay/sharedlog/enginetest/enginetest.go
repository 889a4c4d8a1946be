// Package enginetest tests engines against what sharedlog wants of them, and runs the servers that they need.
package enginetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
)

// Patience is how long something that must happen may take on a busy machine.
const Timeout = 30 * time.Second

// Test tests an engine. Open opens one more connection to one stream, which is new at first. Unique says that the engine
// itself drops entries whose ID it has seen.
func Test(t *testing.T, open func() (sharedlog.Engine, error), unique bool) {
	connect := func() sharedlog.Engine {
		t.Helper()
		engine, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { engine.Close() })
		return engine
	}
	join := func(engine sharedlog.Engine) sharedlog.StreamInfo {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), Timeout)
		defer cancel()
		extent, err := engine.Join(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if extent.Epoch == "" || extent.First == 0 || extent.Last < extent.First-1 {
			t.Fatalf("the stream holds %+v", extent)
		}
		return extent
	}
	one, two := connect(), connect()
	empty := join(one)

	t.Run("what is appended is read in order, also what comes later", func(t *testing.T) {
		const n = 300
		appended := appendAll(t, one, "a", n/2)
		extent := join(two)
		if extent.Epoch != empty.Epoch || extent.Last < empty.Last+n/2 {
			t.Errorf("the stream holds %+v; it held %+v before, and %d were appended", extent, empty, n/2)
		}
		got := make(chan []sharedlog.Entry, 1)
		go func() { got <- read(t, two, empty.Last, n) }()
		appended = append(appended, appendAll(t, one, "b", n/2)...)
		same(t, <-got, appended)
		same(t, read(t, connect(), empty.Last, n), appended)
	})

	t.Run("reading begins where it is asked to", func(t *testing.T) {
		extent := join(one)
		all := read(t, one, empty.Last, 300)
		for _, after := range []int{1, 100, 299} {
			same(t, read(t, two, all[after-1].Seq, 300-after), texts(all[after:]))
		}
		appended := appendAll(t, two, "c", 1)
		same(t, read(t, one, extent.Last, 1), appended)
	})

	t.Run("all read the same of what several append at once", func(t *testing.T) {
		const writers, each = 4, 50
		before := join(one).Last
		var appending sync.WaitGroup
		for w := range writers {
			engine := connect()
			appending.Go(func() { appendAll(t, engine, fmt.Sprintf("w%d", w), each) })
		}
		first, second := read(t, one, before, writers*each), read(t, two, before, writers*each)
		appending.Wait()
		same(t, first, texts(second))
		for w := range writers {
			n := 0
			for _, entry := range first {
				if entry.ID == fmt.Sprintf("w%d-%d", w, n) {
					n++
				}
			}
			if n != each {
				t.Errorf("%d of %d entries of writer %d are there, in their order", n, each, w)
			}
		}
	})

	t.Run("an ID that comes again", func(t *testing.T) {
		before := join(one).Last
		for _, id := range []string{"x", "x", "y", "x", "z"} {
			if err := appendOne(t, one, id, id); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"x", "x", "y", "x", "z"}
		if unique {
			want = []string{"x", "y", "z"}
		}
		same(t, read(t, two, before, len(want)), want)
	})

	t.Run("reading ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		last := join(one).Last
		go func() { ended <- one.Read(ctx, last, func([]sharedlog.Entry) error { return nil }) }()
		cancel()
		select {
		case <-ended:
		case <-time.After(Timeout):
			t.Fatal("it goes on")
		}
	})

	t.Run("what take says ends reading", func(t *testing.T) {
		enough := fmt.Errorf("enough")
		if err := two.Read(t.Context(), empty.Last, func([]sharedlog.Entry) error { return enough }); err != enough {
			t.Errorf("got %v, want %v", err, enough)
		}
	})
}

func appendOne(t *testing.T, engine sharedlog.Engine, id, text string) error {
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
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

// read returns the n entries after a number, which must be dense. Those without a text are an engine's own: it passes over
// them, though they have a number too.
func read(t *testing.T, engine sharedlog.Engine, after uint64, n int) (all []sharedlog.Entry) {
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	enough := fmt.Errorf("enough")
	seq := after
	err := engine.Read(ctx, after, func(entries []sharedlog.Entry) error {
		for _, entry := range entries {
			if seq++; entry.Seq != seq {
				return fmt.Errorf("entry %d after %d has number %d", seq-after, after, entry.Seq)
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
		t.Errorf("read: %v, with %d of %d entries", err, len(all), n)
	}
	return all
}

func texts(entries []sharedlog.Entry) (texts []string) {
	for _, entry := range entries {
		texts = append(texts, string(entry.Text))
	}
	return texts
}

func same(t *testing.T, got []sharedlog.Entry, want []string) {
	t.Helper()
	if texts := texts(got); !slices.Equal(texts, want) {
		t.Errorf("got %v, want %v", texts, want)
	}
}
