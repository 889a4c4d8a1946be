package natslog_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/natslog"
	"wpre-relay/relay/testwait"
)

// streamName is the name of the stream in all tests.
const streamName = "wpre-relay"

// open opens an engine as user, or without credentials if user is nil.
func open(address string, user *url.Userinfo) (sharedlog.Engine, error) {
	return natslog.Open(&url.URL{Scheme: "nats", User: user, Host: address}, streamName, 10_000)
}

// connect opens an engine and closes it when the test ends.
func connect(t testing.TB, address string) sharedlog.Engine {
	t.Helper()
	return connectAs(t, address, nil)
}

func connectAs(t testing.TB, address string, user *url.Userinfo) sharedlog.Engine {
	t.Helper()
	engine, err := open(address, user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

// newAdmin returns a client for what an engine cannot do.
func newAdmin(t testing.TB, address string) jetstream.JetStream {
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
	info, err := engine.Join(testwait.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// appendAll appends entries whose texts are their IDs.
func appendAll(t testing.TB, engine sharedlog.Engine, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := engine.Append(testwait.Context(t), text, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// reading is a call of Read on a goroutine.
type reading struct {
	entries chan sharedlog.Entry
	result  chan error
}

// startRead starts Read after a sequence number. It ends with the test.
func startRead(t testing.TB, engine sharedlog.Engine, after uint64) *reading {
	r := &reading{entries: make(chan sharedlog.Entry, 100), result: make(chan error, 1)}
	ctx := testwait.Context(t)
	go func() {
		r.result <- engine.Read(ctx, after, func(entries []sharedlog.Entry) error {
			for _, entry := range entries {
				r.entries <- entry
			}
			return nil
		})
	}()
	return r
}

// want waits for entries with these texts, whose sequence numbers start at first.
func (r *reading) want(t testing.TB, first uint64, texts ...string) {
	t.Helper()
	for i, text := range texts {
		select {
		case got := <-r.entries:
			if got.Seq != first+uint64(i) || got.ID != text || string(got.Text) != text {
				t.Errorf("got entry %d %q %q, want %d %q", got.Seq, got.ID, got.Text, first+uint64(i), text)
			}
		case err := <-r.result:
			t.Fatalf("Read returns %v before entry %q", err, text)
		}
	}
}

// wait waits until Read returns, which must not be because of the timeout.
func (r *reading) wait(t testing.TB) error {
	t.Helper()
	err := <-r.result
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Read returns %v", err)
	}
	return err
}
