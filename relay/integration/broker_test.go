//go:build linux

package integration_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"wpre-relay/relay/sharedlog/enginetest"
)

// brokers start a broker each. They return its URL, and the server if the test can kill and restart it.
var brokers = map[string]func(t testing.TB) (*enginetest.Server, string){
	"redis": func(t testing.TB) (*enginetest.Server, string) {
		server := enginetest.Redis(t)
		return server, "redis://" + server.Address
	},
	"nats": func(t testing.TB) (*enginetest.Server, string) {
		server := enginetest.NATS(t)
		return server, "nats://" + server.Address
	},
	// RabbitMQ is killed in a test of amqplog instead: it takes seconds to restart, and version 3.10 loses a stream if
	// it is killed a moment after the stream was created.
	"rabbitmq": func(t testing.TB) (*enginetest.Server, string) {
		return nil, "amqp://guest:guest@" + enginetest.RabbitMQ(t).Address
	},
	// kfake speaks Kafka's protocol. It runs in this process, so it cannot be killed.
	"kafka": func(t testing.TB) (*enginetest.Server, string) {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		return nil, "kafka://" + cluster.ListenAddrs()[0]
	},
}

// BenchmarkWriteToClientThroughBroker times events through one relay without a broker, and through a capture relay,
// each broker and an edge relay. The events take turns, so that a disturbance of the machine affects all of them.
func BenchmarkWriteToClientThroughBroker(b *testing.B) {
	const rounds = 1000
	s := newSite(b)
	probes := map[string]*probe{"none": newProbe(b, s, dialRaw(b, s.start("--log-level", "info")))}
	for name, startBroker := range brokers {
		_, url := startBroker(b)
		s := newSite(b)
		s.start("--log-level", "info", "--broker", url)
		edge := start(b, relayCommand(b, "--broker", url, "--state-dir", b.TempDir()))
		probes[name] = newProbe(b, s, dialRaw(b, edge))
	}
	names := slices.Sorted(maps.Keys(probes))
	times := make(map[string][]time.Duration)
	for b.Loop() {
		for range rounds {
			for _, name := range names {
				times[name] = append(times[name], probes[name].measure())
				time.Sleep(time.Millisecond) // all processes come to rest
			}
		}
	}
	for _, name := range names {
		slices.Sort(times[name])
		for label, percent := range percentiles {
			took, direct := percentile(times[name], percent), percentile(times["none"], percent)
			b.ReportMetric(took, name+"-"+label+"-µs")
			if name != "none" {
				b.ReportMetric(took/direct, name+"-"+label+"-ratio")
			}
		}
	}
}

// TestLogStaysJSONWithoutBroker starts relays whose broker is down. The brokers' libraries then log nothing by
// themselves.
func TestLogStaysJSONWithoutBroker(t *testing.T) {
	for _, scheme := range []string{"redis", "nats", "kafka", "amqp"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			r := spawn(t, relayCommand(t, "--broker", scheme+"://"+enginetest.FreePort(t), "--state-dir", t.TempDir(),
				"--admin-listen", "off"))
			r.logged("broker unreachable, retrying", "error")
			r.stop(syscall.SIGTERM)
			for line := range strings.Lines(r.log.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("the log contains %s", line)
				}
			}
		})
	}
}
