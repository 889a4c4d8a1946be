package redislog_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/redislog"
	"wpre-relay/relay/testwait"
)

// startClusterNode starts a Redis server as a node of a cluster, which has no slots yet. Nodes connect at port bus.
func startClusterNode(t *testing.T) (node *enginetest.Server, bus string) {
	_, bus, _ = net.SplitHostPort(enginetest.FreePort(t))
	node = enginetest.StartServer(t, "redis-server", func(host, port, dir string) (args, env []string) {
		return []string{"--bind", host, "--port", port, "--dir", dir, "--save", "", "--cluster-enabled", "yes",
			"--cluster-port", bus}, nil
	})
	return node, bus
}

// TestStreamInACluster names one of two nodes in the address. Streams are on either node.
func TestStreamInACluster(t *testing.T) {
	t.Parallel()
	one, _ := startClusterNode(t)
	two, bus := startClusterNode(t)
	first, second := newClient(t, one), newClient(t, two)
	ctx := testwait.Context(t)
	host, port, _ := net.SplitHostPort(two.Address)
	for _, cmd := range []goredis.Cmder{
		first.ClusterAddSlotsRange(ctx, 0, 8191),
		second.ClusterAddSlotsRange(ctx, 8192, 16383),
		first.Do(ctx, "CLUSTER", "MEET", host, port, bus),
	} {
		if err := cmd.Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, client := range []*goredis.Client{first, second} {
		isOK := func() bool {
			info := client.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2")
		}
		if !testwait.Until(isOK) {
			t.Fatalf("cluster: %s", client.ClusterInfo(ctx).Val())
		}
	}
	for _, stream := range []string{"a", "b", "c", "d"} {
		t.Run(stream, func(t *testing.T) {
			enginetest.Test(t, func() (sharedlog.Engine, error) {
				return redislog.Open(&url.URL{Scheme: "redis+cluster", Host: one.Address}, stream, 10_000)
			}, true)
		})
	}
}

// startSentinel starts a Sentinel for a master with the name main.
func startSentinel(t *testing.T, master *enginetest.Server) *enginetest.Server {
	host, port, _ := net.SplitHostPort(master.Address)
	return enginetest.StartServer(t, "redis-server", func(at, own, dir string) (args, env []string) {
		config := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("bind %s\nport %s\nsentinel monitor main %s %s 1\n"+
			"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n", at, own, host, port)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{config, "--sentinel"}, nil
	})
}

// TestSentinelNamesTheNewMaster kills the master. The replica is promoted and keeps the entries.
func TestSentinelNamesTheNewMaster(t *testing.T) {
	t.Parallel()
	master, replica := enginetest.Redis(t), enginetest.Redis(t)
	host, port, _ := net.SplitHostPort(master.Address)
	ctx := testwait.Context(t)
	if err := newClient(t, replica).ReplicaOf(ctx, host, port).Err(); err != nil {
		t.Fatal(err)
	}
	sentinel := startSentinel(t, master)
	at := &url.URL{Scheme: "redis+sentinel", Host: enginetest.FreePort(t) + "," + sentinel.Address, Path: "/main"}
	engine, err := redislog.Open(at, "wpre-relay", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	before := untilNil(t, func(ctx context.Context) (sharedlog.StreamInfo, error) { return engine.Join(ctx) })
	appendEntry(t, engine, "a")
	observer := newClient(t, replica)
	if !testwait.Until(func() bool { return observer.XLen(ctx, "{wpre-relay}:events").Val() == 1 }) {
		t.Fatal("the replica lacks the entry")
	}
	known := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel.Address})
	defer known.Close()
	if !testwait.Until(func() bool { return len(known.Replicas(ctx, "main").Val()) == 1 }) {
		t.Fatal("Sentinel does not know the replica")
	}
	master.Kill()
	untilNil(t, func(ctx context.Context) (any, error) { return nil, engine.Append(ctx, "b", []byte("b")) })
	after := untilNil(t, func(ctx context.Context) (sharedlog.StreamInfo, error) { return engine.Join(ctx) })
	want := sharedlog.StreamInfo{Epoch: before.Epoch, First: 1, Last: 2}
	if after != want {
		t.Errorf("Join of the new master returns %+v, want %+v", after, want)
	}
	startRead(t, engine, 0)
}

// untilNil calls try until it succeeds.
func untilNil[T any](t *testing.T, try func(context.Context) (T, error)) (value T) {
	t.Helper()
	ctx := testwait.Context(t)
	var err error
	if !testwait.Until(func() bool { value, err = try(ctx); return err == nil }) {
		t.Fatal(err)
	}
	return value
}

func TestErrorNamesTheTopology(t *testing.T) {
	node, _ := startClusterNode(t)
	sentinel := startSentinel(t, enginetest.Redis(t))
	for address, want := range map[string]string{
		node.Address:     "redis+cluster://",
		sentinel.Address: "redis+sentinel://",
	} {
		engine, err := open(address, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Join(testwait.Context(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Join returns %v, want a hint at %s", err, want)
		}
		engine.Close()
	}
}

func TestOpenChecksAddress(t *testing.T) {
	for text, valid := range map[string]bool{
		"redis://user:secret@one:6379/1":                                         true,
		"redis+cluster://user:secret@one,two:6380":                               true,
		"rediss+cluster://one":                                                   true,
		"redis+sentinel://one:26379,two:26379/main":                              true,
		"rediss+sentinel://user:secret@one,two:26380/main/2?sentinel_password=p": true,
		"redis://user:secret@one:1,two:2":                                        false,
		"redis://one/-1":                                                         false,
		"redis://one/a":                                                          false,
		"redis://one?secret=1":                                                   false,
		"redis+cluster://one/1":                                                  false,
		"redis+sentinel://user:secret@one":                                       false,
		"redis+sentinel://one/main/a":                                            false,
		"redis+other://one":                                                      false,
	} {
		address, err := url.Parse(text)
		if err == nil {
			var engine *redislog.Engine
			if engine, err = redislog.Open(address, "a", 10); err == nil {
				engine.Close()
			}
		}
		if (err == nil) != valid {
			t.Errorf("%s: %v, want valid: %v", text, err, valid)
		} else if err != nil && strings.Contains(err.Error(), "user:secret") {
			t.Errorf("%s: the error contains the password: %v", text, err)
		}
	}
}
