package amqplog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/amqplog"
	"wpre-relay/relay/sharedlog/enginetest"
)

// open returns an engine that the test closes.
func open(t testing.TB, address, name string) sharedlog.Engine {
	t.Helper()
	engine, err := amqplog.Open(&url.URL{Scheme: "amqp", Host: address}, name, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

// patient returns a context for what must happen.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), enginetest.Timeout)
	t.Cleanup(cancel)
	return ctx
}

func join(t testing.TB, engine sharedlog.Engine) sharedlog.StreamInfo {
	t.Helper()
	extent, err := engine.Join(patient(t))
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	return extent
}

// appended appends n entries and returns their texts.
func appended(t testing.TB, engine sharedlog.Engine, name string, n int) (texts []string) {
	t.Helper()
	for i := range n {
		text := fmt.Sprintf("%s-%d", name, i)
		if err := engine.Append(patient(t), text, []byte(text)); err != nil {
			t.Fatalf("append %s: %v", text, err)
		}
		texts = append(texts, text)
	}
	return texts
}

// reading is a Read that goes on.
type reading struct {
	texts chan string // of the entries that have one
	ended chan error
}

func read(t testing.TB, engine sharedlog.Engine, after uint64) *reading {
	ctx, cancel := context.WithCancel(t.Context())
	r := &reading{texts: make(chan string, 100_000), ended: make(chan error, 1)}
	var running sync.WaitGroup
	running.Go(func() {
		r.ended <- engine.Read(ctx, after, func(entries []sharedlog.Entry) error {
			for _, entry := range entries {
				if len(entry.Text) > 0 {
					r.texts <- string(entry.Text)
				}
			}
			return nil
		})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

// gives wants of a reading that it gives these texts next.
func (r *reading) gives(t testing.TB, want []string) {
	t.Helper()
	late := time.After(enginetest.Timeout)
	var got []string
	for len(got) < len(want) {
		select {
		case text := <-r.texts:
			got = append(got, text)
		case err := <-r.ended:
			t.Fatalf("reading ends with %v, after %d of %d entries", err, len(got), len(want))
		case <-late:
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// ends wants of a reading that it ends, because of something that may be for the time being.
func (r *reading) ends(t testing.TB) {
	t.Helper()
	begun := time.Now()
	select {
	case err := <-r.ended:
		if err == nil || errors.Is(err, sharedlog.ErrStreamReset) {
			t.Errorf("reading ends with %v", err)
		}
		t.Logf("reading ends after %v with: %v", time.Since(begun).Round(time.Millisecond), err)
	case <-time.After(enginetest.Timeout):
		t.Fatal("reading goes on")
	}
}

// with calls f with a channel of its own.
func with(t testing.TB, address string, f func(*amqp.Channel) error) {
	t.Helper()
	conn, err := amqp.Dial("amqp://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err == nil {
		err = f(channel)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRabbitMQ(t *testing.T) {
	server := enginetest.RabbitMQ(t, "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-rabbit max_message_size 2000000")
	t.Run("as any engine", func(t *testing.T) {
		enginetest.Test(t, func() (sharedlog.Engine, error) {
			return amqplog.Open(&url.URL{Scheme: "amqp", Host: server.Address}, "any", 10_000)
		}, false)
	})

	t.Run("all who join a new stream at once find one epoch", func(t *testing.T) {
		const n = 8
		extents := make(chan sharedlog.StreamInfo, n)
		var joining sync.WaitGroup
		for range n {
			engine := open(t, server.Address, "joined")
			joining.Go(func() {
				extents <- again(t, engine.Join)
			})
		}
		joining.Wait()
		close(extents)
		epochs, lasts := map[string]bool{}, map[uint64]bool{}
		for extent := range extents {
			epochs[extent.Epoch], lasts[extent.Last] = true, true
		}
		if len(epochs) != 1 || len(lasts) != n {
			t.Errorf("%d engines that join at once find epochs %v and ends %v", n, epochs, lasts)
		}
	})

	t.Run("the epoch stays when the beginning is no longer kept", func(t *testing.T) {
		// The operator's own arguments.
		with(t, server.Address, func(channel *amqp.Channel) error {
			_, err := channel.QueueDeclare("short", true, false, false, false, amqp.Table{
				"x-queue-type": "stream", "x-max-length-bytes": int64(20_000), "x-stream-max-segment-size-bytes": int64(5_000)})
			return err
		})
		engine := open(t, server.Address, "short")
		first := join(t, engine)
		var now sharedlog.StreamInfo
		for now = first; now.First == 1; now = join(t, open(t, server.Address, "short")) {
			appended(t, engine, strings.Repeat("x", 200), 100)
		}
		if now.Epoch != first.Epoch || now.First > now.Last {
			t.Errorf("the stream holds %+v, and held %+v", now, first)
		}
		entries := errors.New("entries")
		err := engine.Read(patient(t), first.Last, func(got []sharedlog.Entry) error {
			if got[0].Seq < now.First {
				t.Errorf("the oldest entry is %d, and was %d", got[0].Seq, now.First)
			}
			return entries
		})
		if err != entries {
			t.Errorf("reading what is kept ends with %v", err)
		}
	})

	t.Run("reading ends when the stream is deleted", func(t *testing.T) {
		engine := open(t, server.Address, "deleted")
		before := join(t, engine)
		texts := appended(t, engine, "a", 3)
		r := read(t, engine, before.Last)
		r.gives(t, texts)
		with(t, server.Address, func(channel *amqp.Channel) error {
			_, err := channel.QueueDelete("deleted", false, false, false)
			return err
		})
		r.ends(t)
		if err := engine.Append(patient(t), "nowhere", []byte("nowhere")); err == nil {
			t.Error("an entry was appended to no stream")
		}
		read(t, engine, before.Last).ends(t) // there is none
		now := join(t, engine)
		if now.Epoch == before.Epoch || now.First != 1 || now.Last != 1 {
			t.Errorf("the new stream holds %+v; the old one held %+v", now, before)
		}
		read(t, engine, 1000).ends(t) // the new one has not so many
		r = read(t, engine, now.Last)
		r.gives(t, appended(t, engine, "b", 3))
	})

	t.Run("an entry from before a stream was deleted does not give the new one its epoch", func(t *testing.T) {
		late := open(t, server.Address, "anew")
		before := join(t, late)
		with(t, server.Address, func(channel *amqp.Channel) error {
			_, err := channel.QueueDelete("anew", false, false, false)
			if err == nil {
				_, err = channel.QueueDeclare("anew", true, false, false, false, amqp.Table{"x-queue-type": "stream"})
			}
			return err
		})
		appended(t, late, "a", 3)
		now, same := join(t, open(t, server.Address, "anew")), join(t, late)
		if now.Epoch == before.Epoch || now.Epoch != same.Epoch || now.First != 1 || now.Last != 4 {
			t.Errorf("the new stream holds %+v, and then %+v; the old one held %+v", now, same, before)
		}
	})

	t.Run("a queue that is no stream is let alone", func(t *testing.T) {
		with(t, server.Address, func(channel *amqp.Channel) error {
			_, err := channel.QueueDeclare("classic", true, false, false, false, nil)
			return err
		})
		if extent, err := open(t, server.Address, "classic").Join(patient(t)); err == nil {
			t.Errorf("it was joined: %+v", extent)
		}
		with(t, server.Address, func(channel *amqp.Channel) error {
			queue, err := channel.QueueDeclarePassive("classic", true, false, false, false, nil)
			if queue.Messages != 0 {
				t.Errorf("it holds %d messages", queue.Messages)
			}
			return err
		})
	})

	t.Run("an event that is too large is refused for good", func(t *testing.T) {
		engine := open(t, server.Address, "large")
		before := join(t, engine)
		if err := engine.Append(patient(t), "large", make([]byte, 2_000_001)); !errors.Is(err, sharedlog.ErrTooLarge) {
			t.Errorf("got %v, want %v", err, sharedlog.ErrTooLarge)
		}
		r := read(t, engine, before.Last)
		r.gives(t, appended(t, engine, "a", 3))
	})

	t.Run("reading and appending end when the network swallows everything", func(t *testing.T) {
		network := newNetwork(t, server.Address)
		engine := open(t, network.address, "swallowed")
		extent := join(t, engine)
		r := read(t, engine, extent.Last)
		r.gives(t, appended(t, engine, "a", 3))
		network.swallow()
		if err := engine.Append(patient(t), "b", []byte("b")); err == nil {
			t.Error("an entry was appended to nothing")
		}
		r.ends(t)
	})

	t.Run("what was confirmed is there after the server was killed", func(t *testing.T) {
		engine := open(t, server.Address, "killed")
		before := join(t, engine)
		texts := appended(t, engine, "a", 100)
		r := read(t, engine, before.Last)
		r.gives(t, texts)
		server.Kill()
		r.ends(t)
		if err := engine.Append(patient(t), "b", []byte("b")); err == nil {
			t.Error("an entry was appended to no server")
		}
		server.Start()
		now := again(t, engine.Join)
		if now.Epoch != before.Epoch || now.First != before.First || now.Last < before.Last+uint64(len(texts)) {
			t.Errorf("the stream holds %+v; it held %+v, and %d were appended", now, before, len(texts))
		}
		again(t, func(ctx context.Context) (any, error) { return nil, engine.Append(ctx, "c", []byte("c")) })
		read(t, engine, before.Last).gives(t, append(texts, "c"))
	})
}

// again tries what may fail for the time being.
func again[T any](t testing.TB, try func(context.Context) (T, error)) (value T) {
	t.Helper()
	ctx := patient(t)
	for {
		value, err := try(ctx)
		if err == nil {
			return value
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("it goes on to fail: %v", err)
			return value
		}
	}
}

// network is what lies between an engine and its server.
type network struct {
	address   string
	swallowed chan struct{}
}

func newNetwork(t testing.TB, server string) *network {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{address: listener.Addr().String(), swallowed: make(chan struct{})}
	var running sync.WaitGroup
	t.Cleanup(func() { listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			running.Go(func() { n.pass(near, far) })
			running.Go(func() { n.pass(far, near) })
		}
	})
	return n
}

func (n *network) swallow() { close(n.swallowed) }

// pass copies what is said, until all is swallowed, and closes what it was said to.
func (n *network) pass(from, to net.Conn) {
	defer to.Close()
	buf := make([]byte, 1<<16)
	for {
		length, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-n.swallowed:
		default:
			if _, err := to.Write(buf[:length]); err != nil {
				return
			}
		}
	}
}

func TestASilentServerHoldsNobodyBack(t *testing.T) {
	enginetest.TestUnresponsiveServer(t, func(address string) (sharedlog.Engine, error) {
		return amqplog.Open(&url.URL{Scheme: "amqp", Host: address}, "silent", 10_000)
	})
}

func TestAddressesAreChecked(t *testing.T) {
	for _, address := range []string{"http://localhost", "amqp://localhost:port", "amqp://localhost?heartbeat=often"} {
		at, err := url.Parse(address)
		if err == nil {
			_, err = amqplog.Open(at, "any", 10_000)
		}
		if err == nil {
			t.Errorf("%s was taken", address)
		}
	}
}

// BenchmarkAppendToRead measures from the call of Append until the entry is read, over two engines.
func BenchmarkAppendToRead(b *testing.B) {
	const n = 2000
	server := enginetest.RabbitMQ(b)
	from, to := open(b, server.Address, "bench"), open(b, server.Address, "bench")
	r := read(b, to, join(b, from).Last)
	body := strings.Repeat("x", 1000)
	var took []time.Duration
	for b.Loop() {
		for range n {
			begun := time.Now()
			if err := from.Append(b.Context(), "id", []byte(body)); err != nil {
				b.Fatal(err)
			}
			r.gives(b, []string{body})
			took = append(took, time.Since(begun))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
