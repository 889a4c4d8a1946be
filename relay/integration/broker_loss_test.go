//go:build linux

package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/coder/websocket"
	goredis "github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

// message is what a client with positions gets.
type message struct {
	ID    string
	Event struct{ Timestamp int }
	Gap   json.RawMessage
}

// read returns the next message, or the error that ends the connection.
func read(t *testing.T, conn *websocket.Conn) (m message, err error) {
	t.Helper()
	_, text, err := conn.Read(testwait.Context(t))
	if err == nil && json.Unmarshal(text, &m) != nil {
		t.Fatalf("got %s", text)
	}
	return m, err
}

// connectAfter connects a client with positions.
func connectAfter(t *testing.T, address, query string) *websocket.Conn {
	t.Helper()
	var conn *websocket.Conn
	var err error
	testwait.Until(func() bool { // the relay may be restarting its listener
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, _, err = websocket.Dial(ctx, "ws://"+address+"/?"+query, withPositions)
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// TestDeletedStreamKeyBecomesGap deletes one key of a relay in Redis while a client is connected. Another key gets the
// wrong type, which the relay cannot repair.
func TestDeletedStreamKeyBecomesGap(t *testing.T) {
	t.Parallel()
	server := enginetest.Redis(t)
	s := newSite(t)
	address := enginetest.FreePort(t)
	r := s.start("--broker", "redis://"+server.Address, "--listen", address, "--admin-listen", enginetest.FreePort(t))
	client := connectAfter(t, address, "since=now")
	if _, err := read(t, client); err != nil {
		t.Fatal(err)
	}
	s.write(1)
	first, err := read(t, client)
	if err != nil || first.Event.Timestamp != 1 {
		t.Fatalf("got %+v, %v", first, err)
	}
	redis := goredis.NewClient(&goredis.Options{Addr: server.Address})
	defer redis.Close()
	if err := redis.Del(t.Context(), "{wpre-relay}:events").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, client); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Fatalf("the client gets %v, want close code 1012", err)
	}
	client = connectAfter(t, address, "since="+first.ID)
	if m, err := read(t, client); err != nil || m.Gap == nil {
		t.Fatalf("after the loss, the client gets %+v, %v, want a gap", m, err)
	}
	s.write(2)
	if m, err := read(t, client); err != nil || m.Event.Timestamp != 2 {
		t.Fatalf("after the gap, the client gets %+v, %v, want event 2", m, err)
	}
	r.waitForBody("/readyz", "ok")
	if err := redis.Set(t.Context(), "{wpre-relay}:ids", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.write(3)
	r.waitForBody("/readyz", "key {wpre-relay}:ids is a string instead of a zset; delete it")
}

// writeTo writes an event and returns its message. Before event 4, the client may get event 3 again, which the broker
// has lost: a relay that is killed before it has saved that the broker has an event publishes the event again.
func (s *site) writeTo(t *testing.T, client *websocket.Conn, n int) message {
	t.Helper()
	s.write(n)
	m, err := read(t, client)
	if n == 4 && m.Event.Timestamp == 3 {
		m, err = read(t, client)
	}
	if err != nil || m.Event.Timestamp != n {
		t.Fatalf("got %+v, %v, want event %d", m, err, n)
	}
	return m
}

// TestPositionInLostEntryGetsGap kills a relay and its broker. The broker returns without its newest entries, and other
// events get their numbers.
func TestPositionInLostEntryGetsGap(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	s := newSite(t)
	older := t.TempDir()
	start := func() (r *relay, client *websocket.Conn) {
		address := enginetest.FreePort(t)
		r = s.start("--broker", "nats://"+server.Address, "--listen", address)
		return r, connectAfter(t, address, "last=0")
	}
	r, client := start()
	s.writeTo(t, client, 1)
	server.Kill()
	if err := os.CopyFS(older, os.DirFS(server.Dir)); err != nil {
		t.Fatal(err)
	}
	server.Start()
	s.writeTo(t, client, 2)
	last := s.writeTo(t, client, 3)
	r.kill()
	server.Kill()
	if err := errors.Join(os.RemoveAll(server.Dir), os.CopyFS(server.Dir, os.DirFS(older))); err != nil {
		t.Fatal(err)
	}
	server.Start()
	r, client = start()
	for n := 4; n <= 8; n++ {
		s.writeTo(t, client, n)
	}
	client = connectAfter(t, r.address, "since="+last.ID)
	if m, err := read(t, client); err != nil || m.Gap == nil {
		t.Errorf("at %s, the client gets %+v, %v, want a gap", last.ID, m, err)
	}
}
