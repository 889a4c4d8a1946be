package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/natslog"
)

// name is that of the stream in all tests.
const name = "wpre-relay"

func open(address string) (sharedlog.Engine, error) {
	return natslog.Open(&url.URL{Scheme: "nats", Host: address}, name, 10_000)
}

// connect opens a connection until the test ends.
func connect(t testing.TB, address string) sharedlog.Engine {
	t.Helper()
	engine, err := open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

// bounded returns a context that ends when nothing more is to be hoped for.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), enginetest.Timeout)
	t.Cleanup(cancel)
	return ctx
}

// admin returns what an administrator uses.
func admin(t testing.TB, address string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func join(t testing.TB, engine sharedlog.Engine) sharedlog.StreamInfo {
	t.Helper()
	extent, err := engine.Join(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	return extent
}

func appendAll(t testing.TB, engine sharedlog.Engine, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := engine.Append(bounded(t), text, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// reading is a call of Read.
type reading struct {
	taken chan sharedlog.Entry
	ended chan error
}

// read reads the stream until that ends by itself, or the test does.
func read(t testing.TB, engine sharedlog.Engine, after uint64) *reading {
	r := &reading{taken: make(chan sharedlog.Entry, 100), ended: make(chan error, 1)}
	ctx := bounded(t)
	go func() {
		r.ended <- engine.Read(ctx, after, func(entries []sharedlog.Entry) error {
			for _, entry := range entries {
				r.taken <- entry
			}
			return nil
		})
	}()
	return r
}

// wants waits for what is taken next.
func (r *reading) wants(t testing.TB, first uint64, texts ...string) {
	t.Helper()
	for i, text := range texts {
		select {
		case got := <-r.taken:
			if got.Seq != first+uint64(i) || got.ID != text || string(got.Text) != text {
				t.Errorf("got %d %q %q, want %d %q", got.Seq, got.ID, got.Text, first+uint64(i), text)
			}
		case err := <-r.ended:
			t.Fatalf("reading has ended before %q: %v", text, err)
		}
	}
}

// end waits until reading ends by itself.
func (r *reading) end(t testing.TB) error {
	t.Helper()
	err := <-r.ended
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reading ended with %v", err)
	}
	return err
}

func TestNATS(t *testing.T) {
	server := enginetest.NATS(t)
	enginetest.Test(t, func() (sharedlog.Engine, error) { return open(server.Address) }, true)
}

func TestNothingIsLostWithTheServer(t *testing.T) {
	server := enginetest.NATS(t)
	engine := connect(t, server.Address)
	before := join(t, engine)
	appendAll(t, engine, "a", "b", "c")
	reading := read(t, engine, 0)
	reading.wants(t, 1, "a", "b", "c")

	server.Kill()
	begun := time.Now()
	err := reading.end(t)
	t.Logf("noticed after %v: %v", time.Since(begun), err)
	if errors.Is(err, sharedlog.ErrStreamReset) {
		t.Errorf("got %v, while the stream is what it was", err)
	}
	if err := engine.Append(t.Context(), "d", []byte("d")); err == nil {
		t.Error("the server took an entry when it was dead")
	}
	if _, err := engine.Join(t.Context()); err == nil {
		t.Error("the server said what it holds when it was dead")
	}

	server.Start()
	want := sharedlog.StreamInfo{Epoch: before.Epoch, First: 1, Last: 3}
	if after := join(t, engine); after != want {
		t.Errorf("the stream holds %+v, want %+v", after, want)
	}
	reading = read(t, engine, 1)
	reading.wants(t, 2, "b", "c")
	appendAll(t, engine, "d", "c") // it knows the ID still
	appendAll(t, connect(t, server.Address), "e")
	reading.wants(t, 4, "d", "e")
}

func TestADeletedStreamIsNoticed(t *testing.T) {
	server := enginetest.NATS(t)
	admin := admin(t, server.Address)
	remove := func(t *testing.T) {
		if err := admin.DeleteStream(bounded(t), name); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, err error) {
		if !errors.Is(err, sharedlog.ErrStreamReset) {
			t.Errorf("got %v, want %v", err, sharedlog.ErrStreamReset)
		}
	}
	engine, other := connect(t, server.Address), connect(t, server.Address)
	begin := func(t *testing.T) (*reading, sharedlog.StreamInfo) {
		extent := join(t, engine)
		appendAll(t, engine, "a")
		reading := read(t, engine, 0)
		reading.wants(t, 1, "a")
		return reading, extent
	}

	t.Run("while it is read", func(t *testing.T) {
		reading, _ := begin(t)
		remove(t)
		check(t, reading.end(t))
	})

	t.Run("when another has taken its place", func(t *testing.T) {
		reading, extent := begin(t)
		remove(t)
		renewed := join(t, other)
		if renewed.Epoch == extent.Epoch || renewed.First != 1 || renewed.Last != 0 {
			t.Errorf("the stream holds %+v, and held %+v before", renewed, extent)
		}
		appendAll(t, other, "a")
		check(t, reading.end(t))
		check(t, read(t, engine, 0).end(t))
		remove(t)
	})

	t.Run("before it is read", func(t *testing.T) {
		join(t, engine)
		remove(t)
		check(t, read(t, engine, 0).end(t))
	})

	t.Run("when it ends earlier than it did", func(t *testing.T) {
		join(t, engine)
		appendAll(t, engine, "a", "b")
		check(t, read(t, engine, 3).end(t))
	})
}

func TestASilentServerIsNoticed(t *testing.T) {
	server := enginetest.NATS(t)
	between := startProxy(t, server.Address)
	engine := connect(t, between.address)
	join(t, engine)
	appendAll(t, engine, "a")
	reading := read(t, engine, 0)
	reading.wants(t, 1, "a")

	between.silent.Store(true)
	begun := time.Now()
	err := reading.end(t)
	t.Logf("noticed after %v: %v", time.Since(begun), err)
	if err := engine.Append(t.Context(), "b", []byte("b")); err == nil {
		t.Error("an entry was kept, and nobody said so")
	}

	between.silent.Store(false)
	join(t, engine)
	appendAll(t, engine, "b", "c") // b may have been under way
	read(t, engine, 0).wants(t, 1, "a", "b", "c")
}

func TestConnectingEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	engine := connect(t, listener.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- engine.Read(ctx, 0, nil) }()
	go func() { ended <- engine.Append(ctx, "a", nil) }() // waits for the same connection
	conn, err := listener.Accept()                        // which is never greeted
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
}

func TestTheFirstServerThatAnswersIsUsed(t *testing.T) {
	server := enginetest.NATS(t)
	engine := connect(t, enginetest.FreePort(t)+","+server.Address)
	join(t, engine)
	appendAll(t, engine, "a")
	read(t, engine, 0).wants(t, 1, "a")
}

func TestAStreamThatIsThereStaysAsItIs(t *testing.T) {
	server := enginetest.NATS(t)
	js := admin(t, server.Address)
	made, err := js.CreateStream(bounded(t), jetstream.StreamConfig{Name: name, Subjects: []string{"*.events"}, MaxMsgs: 10})
	if err != nil {
		t.Fatal(err)
	}
	engine := connect(t, server.Address)
	join(t, engine)
	var texts []string
	for i := range 25 {
		texts = append(texts, fmt.Sprint(i))
	}
	appendAll(t, engine, texts...)
	extent := join(t, engine)
	if extent.First != 16 || extent.Last != 25 {
		t.Errorf("the stream holds %+v, want 16 to 25", extent)
	}
	read(t, engine, 3).wants(t, 16, texts[15:]...)

	if err := made.Purge(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if extent := join(t, engine); extent.First != 26 || extent.Last != 25 {
		t.Errorf("the empty stream holds %+v, want 26 to 25", extent)
	}
	info, err := made.Info(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.Config.MaxMsgs != 10 || !slices.Equal(info.Config.Subjects, []string{"*.events"}) {
		t.Errorf("the stream is %+v now", info.Config)
	}
}

func TestAServerMayRememberIDsForLess(t *testing.T) {
	config := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(config, []byte("jetstream { limits { duplicate_window: 30s } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := enginetest.NATS(t, "-c", config)
	join(t, connect(t, server.Address))
	stream, err := admin(t, server.Address).Stream(bounded(t), name)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().Config.Duplicates; got != 30*time.Second {
		t.Errorf("it remembers IDs for %v, want 30s", got)
	}
}

// TestAnEventThatIsTooLargeIsRefusedForGood by the server, and by a stream that somebody has made.
func TestAnEventThatIsTooLargeIsRefusedForGood(t *testing.T) {
	server := enginetest.NATS(t)
	if _, err := admin(t, server.Address).CreateStream(bounded(t), jetstream.StreamConfig{
		Name: name, Subjects: []string{name + ".events"}, MaxMsgSize: 1000,
	}); err != nil {
		t.Fatal(err)
	}
	engine := connect(t, server.Address)
	join(t, engine)
	for _, size := range []int{1000, 2 << 20} {
		if err := engine.Append(bounded(t), "large", make([]byte, size)); !errors.Is(err, sharedlog.ErrTooLarge) {
			t.Errorf("%d bytes: got %v, want %v", size, err, sharedlog.ErrTooLarge)
		}
	}
	appendAll(t, engine, "a")
	read(t, engine, 0).wants(t, 1, "a")
}

func TestACredentialIsNeeded(t *testing.T) {
	server := enginetest.NATS(t, "--user", "relay", "--pass", "secret")
	for _, user := range []*url.Userinfo{nil, url.UserPassword("relay", "wrong"), url.User("secret")} {
		engine, err := natslog.Open(&url.URL{Scheme: "nats", User: user, Host: server.Address}, name, 10)
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		if _, err := engine.Join(bounded(t)); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("as %v: got %v, want %v", user, err, nats.ErrAuthorization)
		}
	}
	engine, err := natslog.Open(&url.URL{Scheme: "nats", User: url.UserPassword("relay", "secret"), Host: server.Address}, name, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	join(t, engine)
}

func TestOpenRefusesWhatNATSCannotTake(t *testing.T) {
	for _, test := range []struct{ address, name string }{
		{"nats://localhost", ""},
		{"nats://localhost", "a.b"},
		{"nats://localhost", "a b"},
		{"nats://localhost", "a>"},
		{"nats://localhost", "événements"},
		{"nats://localhost", strings.Repeat("a", 256)},
		{"http://user:secret@localhost", "a"},
		{"http://secret@localhost", "a"},
		{"nats://user:secret@", "a"},
		{"nats://user:secret@one,,two", "a"},
		{"nats://user:secret@localhost/stream", "a"},
		{"nats://user:secret@localhost?stream=b", "a"},
	} {
		address, err := url.Parse(test.address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = natslog.Open(address, test.name, 10)
		if err == nil {
			t.Errorf("%s, %q: got no error", test.address, test.name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s, %q: the error says the secret: %v", test.address, test.name, err)
		}
	}
}

// BenchmarkAppendToRead measures how long an entry takes from one relay to another, and how long until it is kept. Run it
// with -benchtime=2000x.
func BenchmarkAppendToRead(b *testing.B) {
	server := enginetest.NATS(b)
	writer, reader := connect(b, server.Address), connect(b, server.Address)
	last := join(b, writer).Last
	ctx, cancel := context.WithCancel(b.Context())
	taken, ended := make(chan time.Time, 1), make(chan error, 1)
	go func() {
		ended <- reader.Read(ctx, last, func([]sharedlog.Entry) error {
			taken <- time.Now()
			return nil
		})
	}()
	text := []byte(strings.Repeat("x", 500))
	var reads, kept []time.Duration
	for i := 0; b.Loop(); i++ {
		begun := time.Now()
		if err := writer.Append(ctx, fmt.Sprint(i), text); err != nil {
			b.Fatal(err)
		}
		kept = append(kept, time.Since(begun))
		select {
		case at := <-taken:
			reads = append(reads, at.Sub(begun))
		case err := <-ended:
			b.Fatal(err)
		}
	}
	cancel()
	<-ended
	for unit, all := range map[string][]time.Duration{"read": reads, "kept": kept} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2]), "p50-ns-"+unit)
		b.ReportMetric(float64(all[len(all)*99/100]), "p99-ns-"+unit)
	}
}

// proxy stands between a relay and a server.
type proxy struct {
	address string
	silent  atomic.Bool // nothing comes through, and nobody is told
}

func startProxy(t *testing.T, to string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &proxy{address: listener.Addr().String()}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go p.forward(out, in)
			go p.forward(in, out)
		}
	}()
	return p
}

// forward ends when either connection does.
func (p *proxy) forward(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.silent.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
