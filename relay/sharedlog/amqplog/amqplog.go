// Package amqplog implements sharedlog.Engine with a stream of RabbitMQ 3.9 or newer, over AMQP 0-9-1. The sequence
// number of an entry is its offset plus one.
//
// AMQP does not report where a stream ends, or whether it is still the same stream. Join therefore appends a
// marker: an entry without a text, which readers skip, that proposes an epoch. The marker's sequence number is the
// end of the stream. While the stream's first entry is retained, the epoch of the stream is that of the oldest
// marker, so relays that join at once agree on it. Other entries carry the epoch that their relay found in Join.
// Once the first entry is deleted, the epoch of the stream is that of the oldest such entry.
//
// This engine guarantees less than the others:
//
//   - RabbitMQ does not drop duplicates: if a confirmation is lost, the entry is appended again and is in the
//     stream twice.
//   - RabbitMQ confirms an entry when most replicas have written it, before they sync it. A single server that
//     loses power may lose its newest entries and reuse their numbers. Relays detect that by the ID of the newest
//     entry they have read.
//   - Join needs the permission to write, because it appends a marker. It does not need the permission to create a
//     stream if an operator has created it, with arguments of the operator's choice.
//   - An entry that is appended after the stream was deleted, before its relay notices, may be in a new stream with
//     the old epoch. That matters only once the entry is the oldest one and the new stream's first entry is
//     deleted.
//   - A stream is bounded in bytes, at least 1 GiB, and shortened by whole segments. The number of entries in it
//     depends on their size.
package amqplog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
)

const (
	// requestTimeout bounds Append, and the start of Read.
	requestTimeout = 5 * time.Second

	// minStreamBytes is the smallest bound of a stream. A stream for more entries is bounded to entryBytes per entry.
	minStreamBytes = 1 << 30
	entryBytes     = 4 << 10

	// segmentBytes is the size of a segment, the part of a stream that RabbitMQ deletes at once.
	segmentBytes = 64 << 20
)

// Engine is a stream of RabbitMQ. Use Open.
type Engine struct {
	address  string
	host     string // host and port of address
	name     string
	maxBytes int64 // of the stream, if this engine creates it
	replicas int   // of that stream; 0: one on each server

	// publisher holds one element, which is nil if Append must connect first. Whoever has received it may append.
	publisher chan *publisher

	mu    sync.Mutex
	epoch string // found by the last Join; guarded by mu
}

// parameters are the query parameters that amqp.ParseURI knows. It ignores others.
var parameters = []string{"auth_mechanism", "cacertfile", "certfile", "channel_max", "connection_timeout", "heartbeat",
	"keyfile", "server_name_indication"}

// Open returns the stream of about limit entries in the queue with this name at address:
// amqp://[USER:PASSWORD@]HOST[:PORT][/VHOST], or amqps:// for TLS, with the query parameters of amqp091-go. A stream
// that the engine creates has ?replicas=N replicas; the default is one on each server. It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	address, replicas, err := sharedlog.TakeReplicas(address, math.MaxInt16)
	if err != nil {
		return nil, err
	}
	if strings.Contains(address.Host, ",") {
		return nil, errors.New("amqp:// has one host; use the address of a load balancer for a cluster")
	}
	for name := range address.Query() {
		if !slices.Contains(parameters, name) {
			return nil, fmt.Errorf("unknown parameter %s; there are %s", name, strings.Join(parameters, ", "))
		}
	}
	uri, err := amqp.ParseURI(address.String())
	if err != nil {
		return nil, err
	}
	e := &Engine{
		address:   address.String(),
		host:      net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)),
		name:      name,
		maxBytes:  max(minStreamBytes, int64(limit)*entryBytes),
		replicas:  replicas,
		publisher: make(chan *publisher, 1),
	}
	e.publisher <- nil
	return e, nil
}

// Close implements sharedlog.Engine.
func (e *Engine) Close() error {
	if p := <-e.publisher; p != nil {
		p.conn.close()
	}
	return nil
}

// Read implements sharedlog.Engine. If the stream ends before after, it returns an error within requestTimeout.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	startCtx, cancel := withTimeout(ctx, requestTimeout)
	defer cancel()
	c, err := dial(startCtx, e.address, e.host)
	if err != nil {
		return err
	}
	defer c.close()
	r, entries, err := e.startReader(startCtx, c, after)
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("read from entry %d: %w", after, err)
	}
	for newest := uint64(0); err == nil; entries, err = r.batch(ctx) {
		if entries, err = entriesAfter(entries, after, newest); err != nil {
			return err
		}
		if len(entries) == 0 {
			continue
		}
		newest = entries[len(entries)-1].Seq
		if err := take(entries); err != nil {
			return err
		}
	}
	return err
}

// startReader returns a reader of the entries after a sequence number, and the entries that it has read already.
// For an offset beyond the end, RabbitMQ waits and reports nothing. So startReader begins with the entry before,
// which must exist.
func (e *Engine) startReader(ctx context.Context, c *connection, after uint64) (
	r *reader, entries []sharedlog.Entry, err error,
) {
	err = c.do(ctx, func() (err error) {
		if after == 0 {
			r, err = c.newReader(e.name, "first")
			return err
		}
		if r, err = c.newReader(e.name, int64(after)-1); err == nil {
			entries, err = r.batch(ctx)
		}
		return err
	})
	return r, entries, err
}

// entriesAfter removes entries up to sequence number after from the first batch, because RabbitMQ delivers whole
// chunks. Newest is the number of the last entry that was taken, or 0 in the first batch. It returns ErrStreamReset
// if the entries do not ascend.
func entriesAfter(entries []sharedlog.Entry, after, newest uint64) ([]sharedlog.Entry, error) {
	for newest == 0 && len(entries) > 0 && entries[0].Seq <= after {
		entries = entries[1:]
	}
	for _, entry := range entries {
		if last := max(after, newest); entry.Seq <= last {
			return nil, fmt.Errorf("%w: entry %d follows entry %d", sharedlog.ErrStreamReset, entry.Seq, last)
		}
		newest = entry.Seq
	}
	return entries, nil
}

// Append implements sharedlog.Engine. It appends one entry at a time.
func (e *Engine) Append(ctx context.Context, id string, text []byte) (err error) {
	var p *publisher
	select {
	case p = <-e.publisher:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { e.publisher <- p }()
	ctx, cancel := withTimeout(ctx, requestTimeout)
	defer cancel()
	if p != nil && p.channel.IsClosed() {
		p.conn.close()
		p = nil
	}
	if p == nil {
		if p, err = e.connectPublisher(ctx); err != nil {
			return err
		}
	}
	entry := amqp.Publishing{MessageId: id, DeliveryMode: amqp.Persistent, Body: text}
	if epoch := e.joinedEpoch(); epoch != "" {
		entry.Headers = amqp.Table{epochHeader: epoch}
	}
	err = p.conn.do(ctx, func() error { return p.publish(e.name, entry) })
	if err != nil {
		p.conn.close()
		p = nil
	}
	return err
}

// connectPublisher returns a publisher with a separate connection. A shared one would stop readers, too, because
// RabbitMQ stops reading from connections that publish when its memory or disk is full.
func (e *Engine) connectPublisher(ctx context.Context) (p *publisher, err error) {
	c, err := dial(ctx, e.address, e.host)
	if err != nil {
		return nil, err
	}
	err = c.do(ctx, func() (err error) { p, err = c.newPublisher(); return err })
	if err != nil {
		c.close()
		return nil, err
	}
	return p, nil
}

// joinedEpoch returns the epoch that the last Join found, or "" before the first.
func (e *Engine) joinedEpoch() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.epoch
}
