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
	"wpre-relay/relay/testwait"
)

// open returns an engine. The parameters are defined by go-redis.
func open(address, parameters string) (sharedlog.Engine, error) {
	at := &url.URL{Scheme: "redis", Host: address, RawQuery: parameters}
	return redislog.Open(at, "wpre-relay", 10_000)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	server := enginetest.Redis(t)
	enginetest.Test(t, func() (sharedlog.Engine, error) { return open(server.Address, "") }, true)
}

// joinNew starts a server and joins a new stream on it.
func joinNew(t *testing.T) (*enginetest.Server, sharedlog.Engine, sharedlog.StreamInfo) {
	t.Helper()
	server := enginetest.Redis(t)
	engine, err := open(server.Address, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	info, err := engine.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, engine, info
}

// newClient returns a client for what an engine cannot do.
func newClient(t *testing.T, server *enginetest.Server) *goredis.Client {
	client := goredis.NewClient(&goredis.Options{Addr: server.Address})
	t.Cleanup(func() { client.Close() })
	return client
}

// startRead starts Read after a sequence number and returns when it has read an entry. The channel gets Read's error.
func startRead(t *testing.T, engine sharedlog.Engine, after uint64) (result <-chan error) {
	read, results := make(chan struct{}), make(chan error, 1)
	first := sync.OnceFunc(func() { close(read) })
	go func() {
		results <- engine.Read(t.Context(), after, func([]sharedlog.Entry) error { first(); return nil })
	}()
	<-read
	return results
}

func appendEntry(t *testing.T, engine sharedlog.Engine, id string) {
	t.Helper()
	if err := engine.Append(t.Context(), id, []byte(id)); err != nil {
		t.Fatal(err)
	}
}

func TestAcknowledgedEntriesSurviveKill(t *testing.T) {
	t.Parallel()
	server, engine, before := joinNew(t)
	appendEntry(t, engine, "a")
	result := startRead(t, engine, before.Last)
	server.Kill()
	select {
	case err := <-result:
		if err == nil || errors.Is(err, sharedlog.ErrStreamReset) {
			t.Errorf("Read after a kill returns %v", err)
		}
	case <-time.After(testwait.Limit):
		t.Fatal("Read does not detect that the server is gone")
	}
	if err := engine.Append(t.Context(), "b", []byte("b")); err == nil {
		t.Error("Append without a server returns nil")
	}
	server.Start()
	var after sharedlog.StreamInfo
	var err error
	testwait.Until(func() bool { after, err = engine.Join(t.Context()); return err == nil }) // it may be loading
	want := sharedlog.StreamInfo{Epoch: before.Epoch, First: 1, Last: before.Last + 1}
	if err != nil || after != want {
		t.Errorf("Join after a restart returns %+v, %v, want %+v", after, err, want)
	}
}

func TestDeletedStreamEndsRead(t *testing.T) {
	t.Parallel()
	server, engine, before := joinNew(t)
	result := make(chan error, 1)
	go func() {
		result <- engine.Read(t.Context(), before.Last, func([]sharedlog.Entry) error { return nil })
	}()
	if err := newClient(t, server).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-result:
	case <-time.After(testwait.Limit):
		t.Fatal("Read does not detect that the stream is deleted")
	}
	if err := engine.Append(t.Context(), "a", []byte("a")); err == nil {
		t.Error("Append creates a stream that no relay has joined")
	}
	after, err := engine.Join(t.Context())
	if err != nil || after.Epoch == before.Epoch {
		t.Errorf("Join after the deletion returns %+v, %v, want another epoch than %s", after, err, before.Epoch)
	}
}

func TestOnlyFirstReplaceEpochChangesEpoch(t *testing.T) {
	_, engine, before := joinNew(t)
	replace := func() (after sharedlog.StreamInfo) {
		t.Helper()
		if err := engine.(sharedlog.EpochReplacer).ReplaceEpoch(t.Context(), before.Epoch); err != nil {
			t.Fatal(err)
		}
		after, err := engine.Join(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	first := replace()
	if first.Epoch == before.Epoch {
		t.Errorf("epoch = %s, and was the same before", first.Epoch)
	}
	if second := replace(); second != first {
		t.Errorf("a second replacement of the same epoch: %+v, want %+v", second, first)
	}
}

// TestReplacedStreamEndsReadUnderLoad deletes the stream, and appends to a new one faster than XREAD blocks.
func TestReplacedStreamEndsReadUnderLoad(t *testing.T) {
	t.Parallel()
	server, engine, _ := joinNew(t)
	appendEntry(t, engine, "old")
	result := startRead(t, engine, 0)
	if err := newClient(t, server).FlushAll(t.Context()).Err(); err != nil {
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
	for n, deadline := 0, time.Now().Add(testwait.Limit); ; n++ {
		appendEntry(t, other, fmt.Sprint("new", n))
		select {
		case err := <-result:
			if !errors.Is(err, sharedlog.ErrStreamReset) {
				t.Errorf("Read returns %v, want %v", err, sharedlog.ErrStreamReset)
			}
			return
		case now := <-tick.C:
			if now.After(deadline) {
				t.Fatal("Read continues in another stream")
			}
		}
	}
}

// TestReadOnlyServerCanBeRead fills the server's memory, and then makes it the replica of a server that does not
// exist.
func TestReadOnlyServerCanBeRead(t *testing.T) {
	server, engine, before := joinNew(t)
	appendEntry(t, engine, "a")
	client := newClient(t, server)
	for name, makeReadOnly := range map[string]func() error{
		"memory full": func() error { return client.ConfigSet(t.Context(), "maxmemory", "1").Err() },
		"replica":     func() error { return client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err() },
	} {
		if err := makeReadOnly(); err != nil {
			t.Fatal(err)
		}
		if err := engine.Append(t.Context(), name, nil); err == nil || errors.Is(err, sharedlog.ErrTooLarge) {
			t.Errorf("%s: Append returns %v", name, err)
		}
		if after, err := engine.Join(t.Context()); err != nil || after.Last != before.Last+1 {
			t.Errorf("%s: Join returns %+v, %v", name, after, err)
		}
		enough := errors.New("enough")
		take := func([]sharedlog.Entry) error { return enough }
		if err := engine.Read(t.Context(), before.Last, take); err != enough {
			t.Errorf("%s: Read returns %v", name, err)
		}
	}
}

func TestUnresponsiveServerDoesNotBlock(t *testing.T) {
	enginetest.TestUnresponsiveServer(t, func(address string) (sharedlog.Engine, error) {
		return open(address, "read_timeout=9h") // go-redis itself would wait that long
	})
}

// TestFrozenServerEndsRead freezes the server during Read. The reader must detect that before the HTTP server tells
// a client with a newer position that there is nothing newer.
func TestFrozenServerEndsRead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	server, engine, _ := joinNew(t)
	appendEntry(t, engine, "a")
	result := startRead(t, engine, 0)
	server.Freeze()
	select {
	case err := <-result:
		if err == nil {
			t.Error("Read returns nil")
		}
	case <-time.After(10 * time.Second): // usually after 4 s; go-redis itself would take 12 s
		t.Error("Read does not detect that the server is frozen")
	}
}
