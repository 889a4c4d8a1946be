// Package amqplog is the stream that relays share as a stream of RabbitMQ 3.9 or newer, spoken to with AMQP 0-9-1. An entry's
// number is its offset and one.
//
// AMQP says neither where a stream ends nor which one it is. So whoever joins appends a mark, an entry without a text, which
// takes a number and says nothing to anyone: it lands at the end, and proposes an epoch. The epoch is that of the oldest
// mark for as long as the stream's very first entry is kept, hence the same for all, also for those who join at once. Other
// entries carry the epoch that who appends them found by joining; later it is that of the oldest of them.
//
// This is weaker than with the other engines:
//
//   - RabbitMQ knows nothing of IDs: an entry whose confirmation was lost, and which is appended again, is there twice.
//   - A confirmed entry has been written by most replicas, but not synced: a sole server that loses its power may lose the
//     newest entries, and number others like them. Relays find out by the ID of the newest entry that they have read.
//   - Every Join takes a number, so relays must be allowed to write. That there is a stream at all they can leave to an
//     operator, whose arguments for it then count.
//   - An entry appended in the moment between a stream's deletion and its appender's notice may be the new stream's, with the
//     old epoch. It counts only if it is the oldest one, when the very first entry is no longer kept.
//   - A stream is bounded in bytes, 1 GiB at least, and shortened by the segment: how many entries are kept depends on their
//     size.
package amqplog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
)

const (
	// patience bounds an attempt to append, and to begin to read.
	patience = 5 * time.Second

	// leastBytes bounds a stream; for longer ones an entry is taken to have entryBytes.
	leastBytes = 1 << 30
	entryBytes = 4 << 10

	// segmentBytes is how much of a stream is dropped at once.
	segmentBytes = 64 << 20
)

// Engine is a stream of RabbitMQ. Use Open.
type Engine struct {
	address string
	host    string // of address, with its port
	name    string
	bytes   int64 // bounds the stream, if it is made here

	// publisher holds what entries are appended with, nil if that must be made first. Who takes it out appends.
	publisher chan *publisher

	mu    sync.Mutex
	epoch string // that the last Join found; guarded by mu
}

// Open returns the stream, of the newest entries up to about a limit, in the queue of that name at address:
// amqp://[USER:PASSWORD@]HOST[:PORT][/VHOST], or amqps:// for TLS, with amqp091's own parameters. It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	uri, err := amqp.ParseURI(address.String())
	if err != nil {
		return nil, err
	}
	e := &Engine{
		address:   address.String(),
		host:      net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)),
		name:      name,
		bytes:     max(leastBytes, int64(limit)*entryBytes),
		publisher: make(chan *publisher, 1),
	}
	e.publisher <- nil
	return e, nil
}

// Close implements sharedlog.Engine.
func (e *Engine) Close() error {
	if p := <-e.publisher; p != nil {
		p.link.close()
	}
	return nil
}

// Read implements sharedlog.Engine. Of a stream that ends before that number it says so soon.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	beginning, cancel := limited(ctx, patience)
	defer cancel()
	l, err := dial(beginning, e.address, e.host)
	if err != nil {
		return err
	}
	defer l.close()
	var r *reader
	var entries []sharedlog.Entry
	err = l.within(beginning, func() (err error) {
		if after == 0 {
			r, err = l.reader(e.name, "first")
			return err
		}
		// For an offset beyond the end RabbitMQ waits, and says nothing. So the entry before it is read too, which is there.
		if r, err = l.reader(e.name, int64(after)-1); err == nil {
			entries, err = r.batch(beginning)
		}
		return err
	})
	if errors.Is(err, errSilent) {
		return fmt.Errorf("read from entry %d: %w", after, err)
	}
	for given := uint64(0); err == nil; entries, err = r.batch(ctx) {
		if entries, err = following(entries, after, given); err != nil {
			return err
		}
		if len(entries) == 0 {
			continue
		}
		given = entries[len(entries)-1].Seq
		if err := take(entries); err != nil {
			return err
		}
	}
	return err
}

// following returns the entries after a number. Before any were given there may be others: RabbitMQ keeps and sends entries
// by the chunk.
func following(entries []sharedlog.Entry, after, given uint64) ([]sharedlog.Entry, error) {
	for given == 0 && len(entries) > 0 && entries[0].Seq <= after {
		entries = entries[1:]
	}
	for _, entry := range entries {
		if entry.Seq <= max(after, given) {
			return nil, fmt.Errorf("%w: entry %d comes after %d", sharedlog.ErrStreamReset, entry.Seq, max(after, given))
		}
		given = entry.Seq
	}
	return entries, nil
}

// Append implements sharedlog.Engine. Entries of one Engine are appended one at a time.
func (e *Engine) Append(ctx context.Context, id string, text []byte) (err error) {
	var p *publisher
	select {
	case p = <-e.publisher:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { e.publisher <- p }()
	ctx, cancel := limited(ctx, patience)
	defer cancel()
	if p != nil && p.channel.IsClosed() {
		p.link.close()
		p = nil
	}
	if p == nil {
		if p, err = e.connect(ctx); err != nil {
			return err
		}
	}
	entry := amqp.Publishing{MessageId: id, DeliveryMode: amqp.Persistent, Body: text}
	if epoch := e.joined(); epoch != "" {
		entry.Headers = amqp.Table{epochKey: epoch}
	}
	err = p.link.within(ctx, func() error { return p.publish(e.name, entry) })
	if err != nil {
		p.link.close()
		p = nil
	}
	return err
}

// connect returns a publisher with a link of its own: RabbitMQ stops reading from those that append when its memory or disk
// is full.
func (e *Engine) connect(ctx context.Context) (p *publisher, err error) {
	l, err := dial(ctx, e.address, e.host)
	if err != nil {
		return nil, err
	}
	err = l.within(ctx, func() (err error) { p, err = l.publisher(); return err })
	if err != nil {
		l.close()
		return nil, err
	}
	return p, nil
}

// joined returns the epoch that the last Join found, "" before the first.
func (e *Engine) joined() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.epoch
}
