package kafkalog_test

import (
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/kafkalog"
)

// persistentBroker is a cluster of one broker with data on disk.
type persistentBroker struct {
	address string
	dir     string
	cluster *kfake.Cluster // nil after stop
}

func newPersistentBroker(t *testing.T) *persistentBroker {
	b := &persistentBroker{address: enginetest.FreePort(t), dir: t.TempDir()}
	b.start(t)
	t.Cleanup(b.stop)
	return b
}

func (b *persistentBroker) start(t *testing.T) {
	_, text, _ := net.SplitHostPort(b.address)
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if b.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(b.dir)); err != nil {
		t.Fatal(err)
	}
}

func (b *persistentBroker) stop() {
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
}

// open opens the topic with this name.
func (b *persistentBroker) open(topic string) (sharedlog.Engine, error) {
	return kafkalog.Open(&url.URL{Scheme: "kafka", Host: b.address}, topic, 10_000)
}

// restart restarts the broker and calls change meanwhile.
func (b *persistentBroker) restart(t *testing.T, change func() error) {
	b.stop()
	if err := change(); err != nil {
		t.Error(err)
	}
	b.start(t)
}

func TestEachPartCanVanishAlone(t *testing.T) {
	t.Parallel()
	b := newPersistentBroker(t)
	do := func(lose func(topic string) error) func(*testing.T, string) {
		return func(t *testing.T, topic string) {
			if err := lose(topic); err != nil {
				t.Error(err)
			}
		}
	}
	deleteTopic := do(func(topic string) error { return b.cluster.DeleteTopic(topic) })
	replaceTopic := do(func(topic string) error {
		if err := b.cluster.DeleteTopic(topic); err != nil {
			return err
		}
		return b.cluster.CreateTopic(topic, 1, nil)
	})
	deleteRecords := func(offset int64) func(*testing.T, string) {
		return do(func(topic string) error { return b.cluster.DeleteRecords(topic, 0, offset) })
	}
	enginetest.TestLosses(t, b.open, true, map[string]enginetest.Loss{
		"topic":          {Lose: deleteTopic},
		"topic replaced": {Lose: replaceTopic},
		"oldest entry":   {Lose: deleteRecords(1)},
		"all entries":    {Lose: deleteRecords(3)},
		"only partition": {
			Lose: do(func(topic string) error {
				if err := b.cluster.DeleteTopic(topic); err != nil {
					return err
				}
				return b.cluster.CreateTopic(topic, 2, nil)
			}),
			Problem: "has 2 partitions",
			Repair:  replaceTopic,
		},
	})
}

// TestFailoverToOlderDataBecomesGap restarts the broker with older data, and with none.
func TestFailoverToOlderDataBecomesGap(t *testing.T) {
	t.Parallel()
	b := newPersistentBroker(t)
	older := t.TempDir()
	enginetest.TestLosses(t, b.open, false, map[string]enginetest.Loss{
		"newest entries": {
			Prepare: func(t *testing.T, _ string) {
				b.restart(t, func() error { older = t.TempDir(); return os.CopyFS(older, os.DirFS(b.dir)) })
			},
			Lose: func(t *testing.T, _ string) {
				b.restart(t, func() error {
					if err := os.RemoveAll(b.dir); err != nil {
						return err
					}
					return os.CopyFS(b.dir, os.DirFS(older))
				})
			},
		},
		"all data": {
			Lose: func(t *testing.T, _ string) { b.restart(t, func() error { return os.RemoveAll(b.dir) }) },
		},
	})
}
