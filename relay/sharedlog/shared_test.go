package sharedlog_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/schema"
)

var quiet = slog.New(slog.DiscardHandler)

// stream is an engine in memory, which can be away, lose what it has and forget which entries it has.
type stream struct {
	mu      sync.Mutex
	epoch   string
	entries []sharedlog.Entry // the first has number first
	first   uint64
	ids     map[string]bool
	away    error
	deaf    error         // of Read alone
	changed chan struct{} // closed and replaced when any of it changes
}

func newStream() *stream {
	return &stream{epoch: "one", first: 1, ids: make(map[string]bool), changed: make(chan struct{})}
}

// set changes the stream.
func (s *stream) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) last() uint64 { return s.first + uint64(len(s.entries)) - 1 }

func (s *stream) Join(context.Context) (sharedlog.Extent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sharedlog.Extent{Epoch: s.epoch, First: s.first, Last: s.last()}, s.away
}

func (s *stream) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	for {
		s.mu.Lock()
		err, changed := cmp.Or(s.away, s.deaf), s.changed
		var entries []sharedlog.Entry
		if from := max(after+1, s.first); from <= s.last() {
			entries = slices.Clone(s.entries[from-s.first:])
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			after = entries[len(entries)-1].Seq
			if err := take(entries); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *stream) Append(_ context.Context, id string, text []byte) error {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away != nil {
		return away
	}
	s.set(func() {
		if s.ids[id] {
			return
		}
		s.ids[id] = true
		s.entries = append(s.entries, sharedlog.Entry{Seq: s.last() + 1, ID: id, Text: text})
	})
	return nil
}

func (s *stream) Close() error { return nil }

func event(t testing.TB, text string) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func post(n int) string { return fmt.Sprintf(`{"timestamp":%d}`, n) }

// node is a relay's part, and its own log if it captures.
type node struct {
	*sharedlog.Shared
	own  *eventlog.Log
	stop func()
	err  chan error // of Run
}

// run runs a node until it is stopped; dir is of its own log, "" if it captures nothing.
func run(t *testing.T, engine sharedlog.Engine, dir string) *node {
	t.Helper()
	n := &node{err: make(chan error, 1)}
	var err error
	if dir != "" {
		if n.own, err = eventlog.Open(dir, eventlog.Options{Records: 1000, Logger: quiet}); err != nil {
			t.Fatal(err)
		}
	}
	if n.Shared, err = sharedlog.Open(engine, n.own, sharedlog.Options{Records: 1000, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if n.Join(ctx) == nil {
			n.err <- n.Run(ctx)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if n.own != nil {
			n.own.Close()
		}
	})
	t.Cleanup(n.stop)
	return n
}

// holds returns the documents in a node's mirror, with their numbers; that of a void is –.
func (n *node) holds() string {
	var all []string
	for _, rec := range n.Log().Records() {
		document := string(rec.Event.Document)
		if rec.IsVoid() {
			document = "–"
		}
		all = append(all, fmt.Sprintf("%d:%s", rec.Position.Seq, document))
	}
	return strings.Join(all, " ")
}

func wantHeld(t *testing.T, n *node, want string) {
	t.Helper()
	synctest.Wait()
	if got := n.holds(); got != want {
		t.Errorf("the mirror holds %s, want %s", got, want)
	}
}

func TestWhatOneCapturesAllHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newStream()
		one, edge := run(t, engine, t.TempDir()), run(t, engine, "")
		synctest.Wait()
		one.own.Append(event(t, post(1)), event(t, post(2)))
		wantHeld(t, edge, "1:"+post(1)+" 2:"+post(2))
		wantHeld(t, one, "1:"+post(1)+" 2:"+post(2))
		late := run(t, engine, "")
		wantHeld(t, late, "1:"+post(1)+" 2:"+post(2))
		one.stop()
		edge.stop()
	})
}

func TestTwoThatCaptureTheSameAppendItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newStream()
		one, two := run(t, engine, t.TempDir()), run(t, engine, t.TempDir())
		synctest.Wait()
		for _, n := range []int{1, 2, 1, 3} { // back and forth within a second is three events
			one.own.Append(event(t, post(n)))
			two.own.Append(event(t, post(n)))
		}
		wantHeld(t, one, "1:"+post(1)+" 2:"+post(2)+" 3:"+post(1)+" 4:"+post(3))
		wantHeld(t, two, one.holds())
		one.stop()
		two.own.Append(event(t, post(4)))
		wantHeld(t, two, one.holds()+" 5:"+post(4))
	})
}

func TestAnEngineThatTakesAnEntryTwiceIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newStream()
		one, edge := run(t, engine, t.TempDir()), run(t, engine, "")
		synctest.Wait()
		one.own.Append(event(t, post(1)))
		synctest.Wait()
		engine.set(func() {
			again := engine.entries[0]
			again.Seq = 2
			engine.entries = append(engine.entries, again, sharedlog.Entry{Seq: 3, ID: "x", Text: []byte("what is this?")})
		})
		one.own.Append(event(t, post(2)))
		wantHeld(t, edge, "1:"+post(1)+" 2:– 3:– 4:"+post(2))
	})
}

func TestWhatIsCapturedWhileTheEngineIsAwayWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, dir := newStream(), t.TempDir()
		engine.away = errors.New("nobody is there")
		one, edge := run(t, engine, dir), run(t, engine, "")
		one.own.Append(event(t, post(1)))
		time.Sleep(time.Minute)
		if status := edge.Status(); status.Connected || status.Problem != "nobody is there" {
			t.Errorf("the status is %+v", status)
		}
		one.stop()
		one = run(t, engine, dir) // a restart
		one.own.Append(event(t, post(2)))
		engine.set(func() { engine.away = nil })
		time.Sleep(time.Minute)
		wantHeld(t, edge, "1:"+post(1)+" 2:"+post(2))

		engine.set(func() { engine.away = errors.New("it is gone again") })
		one.own.Append(event(t, post(3)))
		time.Sleep(time.Minute)
		if status := edge.Status(); status.Connected || status.Problem != "it is gone again" {
			t.Errorf("the status is %+v", status)
		}
		engine.set(func() { engine.away = nil })
		time.Sleep(time.Minute)
		wantHeld(t, edge, "1:"+post(1)+" 2:"+post(2)+" 3:"+post(3))
		if status := edge.Status(); !status.Connected || status.Reconnects != 2 {
			t.Errorf("the status is %+v", status)
		}
		one.stop()
		one = run(t, engine, dir)
		wantHeld(t, one, edge.holds()) // nothing is published again
	})
}

func TestWhatWasCapturedBeforeThereWasAnEngineIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		own, err := eventlog.Open(dir, eventlog.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		own.Append(event(t, post(1)))
		own.Close()
		one := run(t, newStream(), dir)
		synctest.Wait()
		one.own.Append(event(t, post(2)))
		wantHeld(t, one, "1:"+post(2))
	})
}

func TestWhatTheEngineNoLongerKeepsIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newStream()
		one, edge := run(t, engine, t.TempDir()), run(t, engine, "")
		synctest.Wait()
		one.own.Append(event(t, post(1)))
		synctest.Wait()
		engine.set(func() { engine.away = errors.New("away") })
		synctest.Wait()
		engine.set(func() {
			engine.away, engine.first = nil, 5
			engine.entries = []sharedlog.Entry{{Seq: 5, ID: "e", Text: schema.Line{
				Stamp: schema.Stamp{Position: schema.Position{Epoch: "x", Seq: 1}, Time: time.Now()}, Document: []byte(post(5))}.Append(nil)}}
		})
		time.Sleep(time.Minute)
		wantHeld(t, edge, "1:"+post(1)+" 5:"+post(5))
	})
}

// TestAStreamThatWasBegunAnewIsNoticed loses the stream, and its end, while the engine is away.
func TestAStreamThatWasBegunAnewIsNoticed(t *testing.T) {
	for name, lose := range map[string]func(*stream){
		"another epoch": func(s *stream) { s.epoch, s.entries = "two", nil },
		"its end":       func(s *stream) { s.entries = s.entries[:1] },
		"its end, and others have come": func(s *stream) {
			s.entries[1].ID = "another"
			s.entries = append(s.entries, sharedlog.Entry{Seq: 3, ID: "one more"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newStream()
				one := run(t, engine, t.TempDir())
				synctest.Wait()
				one.own.Append(event(t, post(1)), event(t, post(2)))
				synctest.Wait()
				engine.set(func() { engine.away = errors.New("away") })
				synctest.Wait()
				engine.set(func() { engine.away = nil; lose(engine) })
				if err := <-one.err; !errors.Is(err, sharedlog.ErrRenewed) {
					t.Errorf("Run returns %v, want %v", err, sharedlog.ErrRenewed)
				}
			})
		})
	}
}

// TestAnEngineThatCannotBeReadIsAway lets one join and append, as where a right is missing, and wants that said once a minute.
func TestAnEngineThatCannotBeReadIsAway(t *testing.T) {
	for name, joined := range map[string]bool{"from the start": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newStream()
				one := run(t, engine, t.TempDir())
				synctest.Wait()
				one.own.Append(event(t, post(1)))
				synctest.Wait()
				deafen := func() { engine.set(func() { engine.deaf = errors.New("no right to read") }) }
				if !joined {
					deafen()
				}
				var log bytes.Buffer
				edge, err := sharedlog.Open(engine, nil, sharedlog.Options{Records: 1000, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() {
					if edge.Join(ctx) == nil {
						edge.Run(ctx)
					}
				})
				synctest.Wait()
				deafen()
				time.Sleep(10*time.Minute - time.Second)
				if status := edge.Status(); status.Connected || status.Problem != "no right to read" || status.Reconnects != 0 {
					t.Errorf("the status is %+v", status)
				}
				cancel()
				running.Wait()
				if n := strings.Count(log.String(), "\n"); n != 10 {
					t.Errorf("it is logged %d times in ten minutes:\n%.1000s", n, log.String())
				}
			})
		})
	}
}
