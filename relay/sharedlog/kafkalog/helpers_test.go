package kafkalog_test

import (
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/kafkalog"
	"wpre-relay/relay/testwait"
)

const topic = "wpre-relay"

// startBroker starts a cluster of one broker in this process, behind a faulty listener.
func startBroker(t testing.TB, opts ...kfake.Opt) *faultyListener {
	l := newFaultyListener()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(l.listen)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	t.Cleanup(l.restore)
	return l
}

func open(l *faultyListener) (sharedlog.Engine, error) {
	return kafkalog.Open(&url.URL{Scheme: "kafka", Host: l.Addr().String()}, topic, 10_000)
}

// connect opens an engine, joins its stream, and closes the engine when the test ends.
func connect(t testing.TB, l *faultyListener) (sharedlog.Engine, sharedlog.StreamInfo) {
	t.Helper()
	engine, err := open(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	info, err := engine.Join(testwait.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return engine, info
}

// newAdmin returns a client for what an engine cannot do.
func newAdmin(t testing.TB, l *faultyListener) *kadm.Client {
	client, err := kgo.NewClient(kgo.SeedBrokers(l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// appendAll appends entries whose texts are their IDs.
func appendAll(t testing.TB, engine sharedlog.Engine, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := engine.Append(testwait.Context(t), id, []byte(id)); err != nil {
			t.Fatalf("append %s: %v", id, err)
		}
	}
}

// read returns n entries after a sequence number, each as ID@SEQ.
func read(t testing.TB, engine sharedlog.Engine, after uint64, n int) (got []string) {
	t.Helper()
	enough := errors.New("enough")
	err := engine.Read(testwait.Context(t), after, func(entries []sharedlog.Entry) error {
		for _, entry := range entries {
			got = append(got, fmt.Sprintf("%s@%d", entry.ID, entry.Seq))
		}
		if len(got) >= n {
			return enough
		}
		return nil
	})
	if err != enough {
		t.Errorf("read after %d: %v, with %v", after, err, got)
	}
	return got
}

// startRead starts Read after a sequence number and returns when it has read an entry. The channel gets Read's error.
func startRead(t testing.TB, engine sharedlog.Engine, after uint64, take func(sharedlog.Entry)) (result chan error) {
	t.Helper()
	result = make(chan error, 1)
	started := make(chan struct{}, 1)
	go func() {
		result <- engine.Read(testwait.Context(t), after, func(entries []sharedlog.Entry) error {
			for _, entry := range entries {
				take(entry)
			}
			select {
			case started <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	select {
	case <-started:
	case err := <-result:
		t.Fatalf("read after %d: %v", after, err)
	}
	return result
}

func ignore(sharedlog.Entry) {}
