// Package kafkalog implements sharedlog.Engine with a topic of Kafka 2.8 or newer, or of a server with the same
// protocol. The topic has one partition, because Kafka orders records within a partition only. The sequence number
// of an entry is its offset plus one.
//
// The package does not bound the topic; retention.ms and retention.bytes do. It does not drop duplicates. It
// acknowledges an entry when all in-sync replicas have it. The topic's min.insync.replicas bounds their number, and
// unclean leader election may lose acknowledged entries. Relays detect such a loss when they reconnect, or earlier.
package kafkalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"math"
	"net/url"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
)

const (
	// requestTimeout bounds Join and Append.
	requestTimeout = 5 * time.Second

	// checkInterval is how often a reader checks that the brokers and the topic still exist. Without these checks,
	// the client library would retry silently for ever.
	checkInterval = time.Second

	// maxMessageBytes bounds an entry, also in a topic that Join creates. Kafka's own default, 1 MiB and 12 bytes,
	// has no room for an event of 1 MiB and its metadata. Some hosted Kafka services allow no more than 8 MiB.
	maxMessageBytes = 8 << 20

	// idHeader is the record header that holds an entry's ID. The ID is not the record's key: in a compacted topic,
	// Kafka rejects records without a key, and would delete records with a key, which leaves gaps.
	idHeader = "id"
)

// errTimeout is the cause of a context that ends after requestTimeout or checkTimeout.
var errTimeout = errors.New("the brokers do not respond")

// Engine is a topic of Kafka. Use Open.
type Engine struct {
	opts     []kgo.Opt
	topic    string
	replicas int16 // of the topic, if this engine creates it; -1: the brokers' default

	mu       sync.Mutex
	epoch    string      // found by the last Join; "" before the first; guarded by mu
	producer *kgo.Client // nil before the first Append and after one that failed; guarded by mu
}

// Open returns the stream that is the topic with this name at address:
// kafka://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]. For TLS, use kafka+tls:// or ?tls=true. For another SASL
// mechanism than plain, use ?sasl=scram-sha-256 or ?sasl=scram-sha-512. A topic that the engine creates has
// ?replicas=N replicas; the default is that of the brokers. Open ignores limit, because Kafka cannot
// bound the number of records. It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	address, replicas, err := sharedlog.TakeReplicas(address, math.MaxInt16)
	if err != nil {
		return nil, err
	}
	opts, err := parse(address)
	if err != nil {
		return nil, err
	}
	opts = append(opts, clientOptions()...)
	if err := kgo.ValidateOpts(opts...); err != nil {
		return nil, err
	}
	return &Engine{opts: opts, topic: name, replicas: int16(cmp.Or(replicas, -1))}, nil
}

// clientOptions returns the options that do not depend on the address.
func clientOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.ClientID("wpre-relay"),
		kgo.DisableClientMetrics(),
		kgo.DialTimeout(time.Second), // leaves time for a second broker within checkTimeout
		kgo.RetryTimeout(2 * time.Second),
		kgo.RequestTimeoutOverhead(3 * time.Second),
		kgo.MetadataMinAge(checkInterval / 2), // so that a check does not get cached metadata
		kgo.ConnIdleTimeout(4 * time.Minute),  // or twice as long; brokers close after 10 minutes
		kgo.DisableFetchSessions(),            // they save nothing with one partition, and take up to 1 s to close
		kgo.FetchMinBytes(1),
		kgo.FetchMaxWait(time.Second), // how long a broker waits for that byte; it does not delay entries
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent by default: retries add no duplicates
		kgo.ProducerLinger(0),
		kgo.ProduceRequestTimeout(requestTimeout),
		kgo.ProducerBatchMaxBytes(maxMessageBytes),
	}
}

// Close implements sharedlog.Engine.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.producer != nil {
		e.producer.Close()
	}
	return nil
}

// wrap adds the operation and the topic to err. It replaces err by ctx's cause if ctx has ended.
func (e *Engine) wrap(ctx context.Context, operation string, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s topic %s: %w", operation, e.topic, err)
}

// epoch returns 13 characters of a topic's ID, with 60 random bits. No other topic has the same ID, not even a
// later one of the same name. Some servers with Kafka's protocol assign no IDs. For them, epoch returns a hash of
// the name. Relays then detect a re-created topic only while it is shorter than the former one.
func epoch(id [16]byte, name string) string {
	if id == [16]byte{} {
		sum := sha256.Sum256([]byte(name))
		return "t" + lowerBase32.EncodeToString(sum[:7])
	}
	return lowerBase32.EncodeToString(id[:8])
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// checkEpoch returns ErrStreamReset if the topic's epoch is not want.
func checkEpoch(epoch, want string) error {
	if epoch != want {
		return fmt.Errorf("%w: its epoch changed from %s to %s", sharedlog.ErrStreamReset, want, epoch)
	}
	return nil
}
