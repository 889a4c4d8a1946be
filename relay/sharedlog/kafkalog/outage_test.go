package kafkalog_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/testwait"
)

func TestUnreachableBrokersEndRead(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*faultyListener){
		"disconnected": (*faultyListener).disconnect,
		"silent":       (*faultyListener).delay,
	}
	for name, fail := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startBroker(t)
			engine, info := connect(t, l)
			appendAll(t, engine, "a")
			result := startRead(t, engine, info.Last, ignore)
			fail(l)
			failed := time.Now()
			err := <-result
			if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sharedlog.ErrStreamReset) {
				t.Errorf("Read returns %v", err)
			}
			t.Logf("Read returns after %v", time.Since(failed))
			if _, err := engine.Join(testwait.Context(t)); err == nil {
				t.Error("Join returns nil")
			}
			l.restore()
			appendAll(t, engine, "b")
			if got, want := read(t, engine, info.Last, 2), []string{"a@1", "b@2"}; !slices.Equal(got, want) {
				t.Errorf("after the outage: got %v, want %v", got, want)
			}
		})
	}
}

func TestReadEndsWithItsContextOnSilentBrokers(t *testing.T) {
	l := startBroker(t)
	engine, info := connect(t, l)
	appendAll(t, engine, "a")
	ctx, cancel := context.WithCancel(t.Context())
	err := engine.Read(ctx, info.Last, func([]sharedlog.Entry) error {
		l.delay()
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestFailedAppendIsNotSentLater(t *testing.T) {
	l := startBroker(t)
	engine, info := connect(t, l)
	appendAll(t, engine, "a")
	l.disconnect()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := engine.Append(ctx, "b", []byte("b")); err == nil {
		t.Error("Append without a broker returns nil")
	}
	l.restore()
	appendAll(t, engine, "c", "b")
	if got, want := read(t, engine, info.Last, 3), []string{"a@1", "c@2", "b@3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAppendEndsWithItsContextOnSilentBrokers(t *testing.T) {
	l := startBroker(t)
	engine, info := connect(t, l)
	appendAll(t, engine, "a")
	l.delay()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- engine.Append(ctx, "b", []byte("b")) }()
	<-l.delayed // the request was sent
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	l.restore()
	appendAll(t, engine, "b", "c")
	got := read(t, engine, info.Last, 3)
	for i, entry := range got {
		got[i], _, _ = strings.Cut(entry, "@")
	}
	// The broker may receive the first b late. It is then in the stream twice, but nothing is missing or out of
	// order.
	seen := map[string]bool{}
	got = slices.DeleteFunc(got, func(id string) bool { repeated := seen[id]; seen[id] = true; return repeated })
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want[:len(got)]) {
		t.Errorf("without repeated entries: got %v, want %v", got, want)
	}
}
