package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/natslog"
	"wpre-relay/relay/testwait"
)

// startCluster starts a cluster of three servers with JetStream.
func startCluster(t *testing.T) (servers []*enginetest.Server) {
	var routes []string
	for range 3 {
		routes = append(routes, "nats-route://"+enginetest.FreePort(t))
	}
	for i, route := range routes {
		name := string(rune('a' + i))
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(route, "nats-route://"))
		servers = append(servers, enginetest.NATS(t, "--name", name, "--cluster_name", "test",
			"--cluster", "nats://127.0.0.1:"+port, "--routes", strings.Join(routes, ",")))
	}
	return servers
}

// retry calls try until it succeeds. A cluster elects a leader first.
func retry[T any](t *testing.T, try func(context.Context) (T, error)) (value T) {
	t.Helper()
	var err error
	ok := testwait.Until(func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		value, err = try(ctx)
		return err == nil
	})
	if !ok {
		t.Fatal(err)
	}
	return value
}

// TestRelayLearnsTheServersOfACluster names one server in the address, and kills it.
func TestRelayLearnsTheServersOfACluster(t *testing.T) {
	t.Parallel()
	servers := startCluster(t)
	at := &url.URL{Scheme: "nats", Host: servers[0].Address, RawQuery: "replicas=3"}
	engine, err := natslog.Open(at, streamName, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	join := func(ctx context.Context) (sharedlog.StreamInfo, error) { return engine.Join(ctx) }
	add := func(id string) func(context.Context) (any, error) {
		return func(ctx context.Context) (any, error) { return nil, engine.Append(ctx, id, []byte(id)) }
	}
	before := retry(t, join)
	retry(t, add("a"))
	stream, err := newAdmin(t, servers[1].Address).Stream(testwait.Context(t), streamName)
	if err != nil || stream.CachedInfo().Config.Replicas != 3 {
		t.Fatalf("stream: %+v, %v, want 3 replicas", stream, err)
	}
	servers[0].Kill()
	retry(t, add("b"))
	if after := retry(t, join); after.Epoch != before.Epoch || after.Last != 2 {
		t.Errorf("Join at another server returns %+v, and %+v before", after, before)
	}
	// The first attempts may fail, if the cluster places the consumer on the dead server.
	retry(t, func(ctx context.Context) (any, error) {
		enough := errors.New("enough")
		var texts []string
		err := engine.Read(ctx, 0, func(entries []sharedlog.Entry) error {
			for _, entry := range entries {
				texts = append(texts, string(entry.Text))
			}
			if strings.Join(texts, " ") == "a b" {
				return enough
			}
			return nil
		})
		if err == enough {
			return nil, nil
		}
		return nil, fmt.Errorf("read %v: %w", texts, err)
	})
}
