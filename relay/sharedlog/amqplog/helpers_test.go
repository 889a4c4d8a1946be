package amqplog_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/amqplog"
	"wpre-relay/relay/testwait"
)

// open opens an engine and closes it when the test ends.
func open(t testing.TB, address, stream string) sharedlog.Engine {
	t.Helper()
	engine, err := amqplog.Open(&url.URL{Scheme: "amqp", Host: address}, stream, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

func join(t testing.TB, engine sharedlog.Engine) sharedlog.StreamInfo {
	t.Helper()
	info, err := engine.Join(testwait.Context(t))
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	return info
}

// appendAll appends n entries and returns their texts.
func appendAll(t testing.TB, engine sharedlog.Engine, name string, n int) (texts []string) {
	t.Helper()
	for i := range n {
		text := fmt.Sprintf("%s-%d", name, i)
		if err := engine.Append(testwait.Context(t), text, []byte(text)); err != nil {
			t.Fatalf("append %s: %v", text, err)
		}
		texts = append(texts, text)
	}
	return texts
}

// retry calls try until it succeeds.
func retry[T any](t testing.TB, try func(context.Context) (T, error)) (value T) {
	t.Helper()
	ctx := testwait.Context(t)
	for {
		value, err := try(ctx)
		if err == nil {
			return value
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("no success within %v: %v", testwait.Limit, err)
			return value
		}
	}
}

// withChannel calls f with a channel, for what an engine cannot do.
func withChannel(t testing.TB, address string, f func(*amqp.Channel) error) {
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

// reading is a call of Read on a goroutine.
type reading struct {
	texts  chan string // of the entries that have one
	result chan error
}

// startRead starts Read after a sequence number. It ends with the test.
func startRead(t testing.TB, engine sharedlog.Engine, after uint64) *reading {
	ctx, cancel := context.WithCancel(t.Context())
	r := &reading{texts: make(chan string, 1000), result: make(chan error, 1)}
	var running sync.WaitGroup
	running.Go(func() {
		r.result <- engine.Read(ctx, after, func(entries []sharedlog.Entry) error {
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

// want waits for entries with these texts.
func (r *reading) want(t testing.TB, want []string) {
	t.Helper()
	deadline := time.After(testwait.Limit)
	var got []string
	for len(got) < len(want) {
		select {
		case text := <-r.texts:
			got = append(got, text)
		case err := <-r.result:
			t.Fatalf("Read returns %v after %d of %d entries", err, len(got), len(want))
		case <-deadline:
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// wait waits until Read returns, which must not be because of a reset.
func (r *reading) wait(t testing.TB) {
	t.Helper()
	started := time.Now()
	select {
	case err := <-r.result:
		if err == nil || errors.Is(err, sharedlog.ErrStreamReset) {
			t.Errorf("Read returns %v", err)
		}
		t.Logf("Read returns after %v: %v", time.Since(started).Round(time.Millisecond), err)
	case <-time.After(testwait.Limit):
		t.Fatal("Read does not return")
	}
}
