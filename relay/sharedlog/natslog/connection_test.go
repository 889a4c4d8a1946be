package natslog_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/natslog"
	"wpre-relay/relay/testwait"
)

func TestAcknowledgedEntriesSurviveKill(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	engine := connect(t, server.Address)
	before := join(t, engine)
	appendAll(t, engine, "a", "b", "c")
	reading := startRead(t, engine, 0)
	reading.want(t, 1, "a", "b", "c")

	server.Kill()
	killed := time.Now()
	err := reading.wait(t)
	t.Logf("Read returns after %v: %v", time.Since(killed), err)
	if errors.Is(err, sharedlog.ErrStreamReset) {
		t.Errorf("Read returns %v, but the stream is the same", err)
	}
	if err := engine.Append(t.Context(), "d", []byte("d")); err == nil {
		t.Error("Append without a server returns nil")
	}
	if _, err := engine.Join(t.Context()); err == nil {
		t.Error("Join without a server returns nil")
	}

	server.Start()
	want := sharedlog.StreamInfo{Epoch: before.Epoch, First: 1, Last: 3}
	if after := join(t, engine); after != want {
		t.Errorf("Join after a restart returns %+v, want %+v", after, want)
	}
	reading = startRead(t, engine, 1)
	reading.want(t, 2, "b", "c")
	appendAll(t, engine, "d", "c") // the server still knows ID c
	appendAll(t, connect(t, server.Address), "e")
	reading.want(t, 4, "d", "e")
}

func TestSilentServerEndsReadAndAppend(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	proxy := enginetest.StartProxy(t, server.Address)
	engine := connect(t, proxy.Address)
	join(t, engine)
	appendAll(t, engine, "a")
	reading := startRead(t, engine, 0)
	reading.want(t, 1, "a")

	proxy.SetSilent(true)
	silenced := time.Now()
	err := reading.wait(t)
	t.Logf("Read returns after %v: %v", time.Since(silenced), err)
	if err := engine.Append(t.Context(), "b", []byte("b")); err == nil {
		t.Error("Append without an acknowledgement returns nil")
	}

	proxy.SetSilent(false)
	join(t, engine)
	appendAll(t, engine, "b", "c") // the server may have b already
	startRead(t, engine, 0).want(t, 1, "a", "b", "c")
}

func TestConnectEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	engine := connect(t, listener.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 2)
	go func() { result <- engine.Read(ctx, 0, nil) }()
	go func() { result <- engine.Append(ctx, "a", nil) }() // waits for the same connection
	conn, err := listener.Accept()                         // the server never sends INFO
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	for range 2 {
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
}

func TestConnectSkipsUnreachableServers(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	engine := connect(t, enginetest.FreePort(t)+","+server.Address)
	join(t, engine)
	appendAll(t, engine, "a")
	startRead(t, engine, 0).want(t, 1, "a")
}

func TestWrongCredentialsAreRejected(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t, "--user", "relay", "--pass", "secret")
	for _, user := range []*url.Userinfo{nil, url.UserPassword("relay", "wrong"), url.User("secret")} {
		_, err := connectAs(t, server.Address, user).Join(testwait.Context(t))
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("as %v: got %v, want %v", user, err, nats.ErrAuthorization)
		}
	}
	join(t, connectAs(t, server.Address, url.UserPassword("relay", "secret")))
}

func TestOpenRejectsInvalidAddressesWithoutRepeatingSecrets(t *testing.T) {
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
			t.Errorf("%s, %q: no error", test.address, test.name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s, %q: the error contains the secret: %v", test.address, test.name, err)
		}
	}
}
