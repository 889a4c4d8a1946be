package redislog_test

import (
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/redislog"
)

// open opens an engine, with go-redis's own parameters.
func open(address, parameters string) (sharedlog.Engine, error) {
	return redislog.Open(&url.URL{Scheme: "redis", Host: address, RawQuery: parameters}, "wpre-relay", 10_000)
}

func TestRedis(t *testing.T) {
	server := enginetest.Redis(t)
	enginetest.Test(t, func() (sharedlog.Engine, error) { return open(server.Address, "") }, true)
}

// joined runs a server and joins a new stream there.
func joined(t *testing.T) (*enginetest.Server, sharedlog.Engine, sharedlog.StreamInfo) {
	t.Helper()
	server := enginetest.Redis(t)
	engine, err := open(server.Address, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	extent, err := engine.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, engine, extent
}

// reading has an engine read what comes after a number, returns once there was something, and sends why that ended.
func reading(t *testing.T, engine sharedlog.Engine, after uint64) (ended <-chan error) {
	came, ends := make(chan struct{}), make(chan error, 1)
	first := sync.OnceFunc(func() { close(came) })
	go func() {
		ends <- engine.Read(t.Context(), after, func([]sharedlog.Entry) error { first(); return nil })
	}()
	<-came
	return ends
}

// TestRedisKilled kills the server while a relay reads: what it has acknowledged is there again.
func TestRedisKilled(t *testing.T) {
	server, engine, before := joined(t)
	if err := engine.Append(t.Context(), "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	ended := reading(t, engine, before.Last)
	server.Kill()
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, sharedlog.ErrStreamReset) {
			t.Errorf("Read returns %v", err)
		}
	case <-time.After(enginetest.Timeout):
		t.Fatal("Read does not notice that the server is gone")
	}
	if err := engine.Append(t.Context(), "b", []byte("b")); err == nil {
		t.Error("Append takes it for done")
	}
	server.Start()
	after, err := engine.Join(t.Context())
	if want := (sharedlog.StreamInfo{Epoch: before.Epoch, First: 1, Last: before.Last + 1}); err != nil || after != want {
		t.Errorf("it holds %+v, %v, want %+v", after, err, want)
	}
}

// TestRedisLosesTheStream deletes it, and only its end, under a relay that reads.
func TestRedisLosesTheStream(t *testing.T) {
	server, engine, before := joined(t)
	client := goredis.NewClient(&goredis.Options{Addr: server.Address})
	defer client.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- engine.Read(t.Context(), before.Last, func([]sharedlog.Entry) error { return nil })
	}()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(enginetest.Timeout):
		t.Fatal("Read does not notice that the stream is gone")
	}
	if err := engine.Append(t.Context(), "a", []byte("a")); err == nil {
		t.Error("Append adds to a stream that nobody has joined")
	}
	after, err := engine.Join(t.Context())
	if err != nil || after.Epoch == before.Epoch {
		t.Errorf("the epoch is %s, %v, and was %s before", after.Epoch, err, before.Epoch)
	}
	for range 2 { // only the first may change it
		if err := engine.(sharedlog.EpochReplacer).ReplaceEpoch(t.Context(), after.Epoch); err != nil {
			t.Fatal(err)
		}
	}
	renewed, err := engine.Join(t.Context())
	if err != nil || renewed.Epoch == after.Epoch {
		t.Errorf("the epoch is %s, %v, and was %s before", renewed.Epoch, err, after.Epoch)
	}
	if err := engine.(sharedlog.EpochReplacer).ReplaceEpoch(t.Context(), after.Epoch); err != nil {
		t.Fatal(err)
	}
	if again, err := engine.Join(t.Context()); err != nil || again != renewed {
		t.Errorf("it holds %+v, %v, want %+v", again, err, renewed)
	}
}

// TestRedisBeginsAnewWhileMuchComes deletes the stream, which another relay makes again, and in which more comes than waiting
// for would take.
func TestRedisBeginsAnewWhileMuchComes(t *testing.T) {
	server, engine, _ := joined(t)
	if err := engine.Append(t.Context(), "old", []byte("old")); err != nil {
		t.Fatal(err)
	}
	ended := reading(t, engine, 0)
	client := goredis.NewClient(&goredis.Options{Addr: server.Address})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	other, err := open(server.Address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n, deadline := 0, time.Now().Add(enginetest.Timeout); ; n++ {
		if err := other.Append(t.Context(), fmt.Sprint("new", n), []byte("new")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, sharedlog.ErrStreamReset) {
				t.Errorf("Read returns %v, want %v", err, sharedlog.ErrStreamReset)
			}
			return
		case now := <-tick.C:
			if now.After(deadline) {
				t.Fatal("Read goes on in another stream")
			}
		}
	}
}

// TestRedisThatTakesNothingIsRead has its memory full, and then follow another server, which is not there.
func TestRedisThatTakesNothingIsRead(t *testing.T) {
	server, engine, before := joined(t)
	if err := engine.Append(t.Context(), "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: server.Address})
	defer client.Close()
	for name, refuse := range map[string]func() error{
		"its memory is full": func() error { return client.ConfigSet(t.Context(), "maxmemory", "1").Err() },
		"it is a replica":    func() error { return client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err() },
	} {
		if err := refuse(); err != nil {
			t.Fatal(err)
		}
		if err := engine.Append(t.Context(), name, nil); err == nil || errors.Is(err, sharedlog.ErrTooLarge) {
			t.Errorf("%s: Append returns %v", name, err)
		}
		if after, err := engine.Join(t.Context()); err != nil || after.Last != before.Last+1 {
			t.Errorf("%s: it holds %+v, %v", name, after, err)
		}
		enough := errors.New("enough")
		if err := engine.Read(t.Context(), before.Last, func([]sharedlog.Entry) error { return enough }); err != enough {
			t.Errorf("%s: Read returns %v", name, err)
		}
	}
}

func TestASilentServerHoldsNobodyBack(t *testing.T) {
	enginetest.TestUnresponsiveServer(t, func(address string) (sharedlog.Engine, error) {
		return open(address, "read_timeout=9h") // for so long go-redis itself would wait
	})
}

// TestRedisFallsSilent freezes the server while a relay reads. That must be noticed before a client that has more than this
// relay is told that there is no more (relay.behindPatience).
func TestRedisFallsSilent(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	server, engine, _ := joined(t)
	if err := engine.Append(t.Context(), "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	ended := reading(t, engine, 0)
	server.Freeze()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("Read returns nil")
		}
	case <-time.After(10 * time.Second): // after 4 s as a rule; go-redis itself would take 12
		t.Error("Read takes the server for one that has nothing to say")
	}
}
