// Package kafkalog is the stream that relays share as a topic of Kafka 2.8 or newer, or of what speaks its protocol. The
// topic has one partition, for only in that is there an order; the number of an entry is its offset there, plus one.
//
// It bounds nothing: what the topic keeps is for its retention.ms and retention.bytes to say. Nor does it drop an entry that
// is there already. An entry is appended once all replicas in sync have it; how many these are at least is for
// min.insync.replicas to say, and with unclean leader election what they have may be lost. Relays find out when they connect
// again, if not before.
package kafkalog

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
)

const (
	// attempt bounds Join and Append.
	attempt = 5 * time.Second

	// look is how often a reader looks whether brokers and topic are still there, and patience bounds that: kgo would try for
	// ever to reach brokers that are away, and say nothing.
	look     = time.Second
	patience = 2500 * time.Millisecond

	// spread is how long Join waits for brokers to hear of a topic that was just made, before it asks again.
	spread = 50 * time.Millisecond

	// atOnce bounds the entries that are given at once.
	atOnce = 256

	// maxMessage bounds an entry, in bytes, also in a topic that Join makes: Kafka's own default, 1 MiB and 12 bytes, has no
	// room for an event of 1 MiB and what is written with it. Some hosted Kafkas take no more than this.
	maxMessage = 8 << 20

	// idHeader is the header that an entry's ID is in. It is not the record's key: of a topic that is compacted, Kafka
	// refuses entries without a key, and would leave gaps among those with one.
	idHeader = "id"
)

// errSlow is why what attempt or patience bounds ends.
var errSlow = errors.New("the brokers do not answer")

// Engine is a topic of Kafka. Use Open.
type Engine struct {
	opts  []kgo.Opt
	topic string

	mu       sync.Mutex
	producer *kgo.Client // nil until the first Append, and after one that failed; guarded by mu
}

// Open returns the stream that is the topic of that name at address:
// kafka://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...], or kafka+tls:// or with ?tls=true for TLS, with
// ?sasl=scram-sha-256 or scram-sha-512 for another way to log in than plain. The limit means nothing to Kafka, which keeps
// no number of entries. Open does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	opts, err := parse(address)
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		kgo.ClientID("wpre-relay"),
		kgo.DisableClientMetrics(),
		kgo.DialTimeout(time.Second), // so that there is time, in patience, for a second broker
		kgo.RetryTimeout(2*time.Second),
		kgo.RequestTimeoutOverhead(3*time.Second),
		kgo.MetadataMinAge(look/2),         // so that no look is at what kgo remembers
		kgo.ConnIdleTimeout(4*time.Minute), // may be twice that; brokers close after ten
		kgo.DisableFetchSessions(),         // they save nothing with one partition, and ending them takes up to 1 s
		kgo.FetchMinBytes(1),
		kgo.FetchMaxWait(time.Second), // how long a broker waits for that byte; it delays nothing
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()), // and idempotent, by default: what kgo sends again is there once
		kgo.ProducerLinger(0),
		kgo.ProduceRequestTimeout(attempt),
		kgo.ProducerBatchMaxBytes(maxMessage),
	)
	if err := kgo.ValidateOpts(opts...); err != nil {
		return nil, err
	}
	return &Engine{opts: opts, topic: name}, nil
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

// Join implements sharedlog.Engine. A topic that is there is taken as it is, unless it has several partitions.
func (e *Engine) Join(ctx context.Context) (sharedlog.StreamInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, attempt, errSlow)
	defer cancel()
	for {
		extent, err := e.join(ctx)
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return extent, err
		}
		select {
		case <-time.After(spread):
		case <-ctx.Done():
			return extent, err
		}
	}
}

// join returns what the topic holds, with a client of its own: kgo remembers for a while that a topic was not there. If it
// is not, join makes it, and says that it was not there.
func (e *Engine) join(ctx context.Context) (extent sharedlog.StreamInfo, err error) {
	client, err := kgo.NewClient(e.opts...)
	if err != nil {
		return extent, err
	}
	defer client.Close()
	extent, err = e.extent(ctx, client)
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return extent, err
	}
	size := strconv.Itoa(maxMessage)
	_, failure := kadm.NewClient(client).CreateTopic(ctx, 1, -1, map[string]*string{"max.message.bytes": &size}, e.topic)
	if failure != nil && !errors.Is(failure, kerr.TopicAlreadyExists) {
		err = e.failed(ctx, "create", failure)
	}
	return extent, err
}

// extent returns what the topic holds, or an error of kerr's, wrapped. For that the broker that leads the partition must be
// there.
func (e *Engine) extent(ctx context.Context, client *kgo.Client) (extent sharedlog.StreamInfo, err error) {
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, e.topic)
	if err == nil {
		err = topics[e.topic].Err
	}
	if err != nil {
		return extent, e.failed(ctx, "describe", err)
	}
	if n := len(topics[e.topic].Partitions); n != 1 {
		return extent, fmt.Errorf("topic %s has %d partitions, and relays need one, for the order: give the stream another name, with ?stream=NAME", e.topic, n)
	}
	first, err := e.offset(ctx, admin.ListStartOffsets)
	if err != nil {
		return extent, err
	}
	end, err := e.offset(ctx, admin.ListEndOffsets)
	return sharedlog.StreamInfo{Epoch: epoch(topics[e.topic].ID, e.topic), First: first + 1, Last: end}, err
}

// offset returns the one that list lists of the partition.
func (e *Engine) offset(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (uint64, error) {
	listed, err := list(ctx, e.topic)
	offset, ok := listed.Lookup(e.topic, 0)
	if err == nil {
		err = offset.Err
	}
	if err == nil && !ok {
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		return 0, e.failed(ctx, "list offsets of", err)
	}
	return uint64(offset.Offset), nil
}

// failed returns what an operation on the topic met with: why ctx ended, if it has.
func (e *Engine) failed(ctx context.Context, operation string, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s topic %s: %w", operation, e.topic, err)
}

// epoch returns 13 characters of a topic's ID, 60 random bits, which no other topic has, also not a later one of its name.
// Some that speak the protocol of Kafka give no IDs. Of theirs the epoch is that of the name, so that a topic which was
// deleted and made anew is found out only while it holds less than the one before.
func epoch(id [16]byte, name string) string {
	if id == [16]byte{} {
		sum := sha256.Sum256([]byte(name))
		return "t" + letters.EncodeToString(sum[:7])
	}
	return letters.EncodeToString(id[:8])
}

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Append implements sharedlog.Engine. An entry whose Append fails may be there all the same, or come to be there when what
// was sent reaches a broker late: then it is there again when it is appended again, also after later ones, but not before
// earlier ones. What was not sent never will be: the client that would is closed.
func (e *Engine) Append(ctx context.Context, id string, text []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, attempt, errSlow)
	defer cancel()
	producer, err := e.produce()
	if err != nil {
		return err
	}
	appended := make(chan error, 1)
	producer.Produce(ctx, &kgo.Record{
		Topic:   e.topic,
		Headers: []kgo.RecordHeader{{Key: idHeader, Value: []byte(id)}},
		Value:   text,
	}, func(_ *kgo.Record, err error) { appended <- err })
	select {
	case err = <-appended:
	case <-ctx.Done(): // kgo itself would wait until it knows what became of an entry that it has sent
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("%w: max.message.bytes of topic %s: %w", sharedlog.ErrTooLarge, e.topic, err)
	case err != nil:
		e.drop(producer)
		return e.failed(ctx, "append to", err)
	}
	return nil
}

// produce returns the client that appends.
func (e *Engine) produce() (producer *kgo.Client, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.producer == nil {
		e.producer, err = kgo.NewClient(e.opts...)
	}
	return e.producer, err
}

// drop closes a client that appends, with all that waits in it.
func (e *Engine) drop(producer *kgo.Client) {
	e.mu.Lock()
	current := e.producer == producer
	if current {
		e.producer = nil
	}
	e.mu.Unlock()
	if current {
		producer.Close()
	}
}
