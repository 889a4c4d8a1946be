// Package natslog is the stream that relays share as a stream of NATS JetStream, of servers from 2.9 on. JetStream gives the
// numbers, and finds out what is there already. The package changes no stream that is there, and makes no second attempt at
// anything: whoever calls it does.
//
// A stream that it makes has one copy, of which the server's machine may lose the last two minutes when it crashes (NATS'
// sync_interval). Who wants more makes the stream before the first relay does: it needs the subject NAME.events, and
// should remember IDs for ten minutes.
package natslog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"wpre-relay/relay/sharedlog"
)

const (
	// patience bounds a request, with connecting for it.
	patience = 5 * time.Second

	// beat is how often the server is asked for a sign of life. Two that stay away end reading, three the connection.
	beat = time.Second

	// window is for how long the server remembers IDs, where it may: longer than a relay takes to start again.
	window = 10 * time.Minute

	// idle is when the server forgets a reader that has gone.
	idle = 30 * time.Second

	// ahead bounds the messages that come before they are wanted, in memory.
	ahead = 256

	// invalidConfig is the code of the error that says that a stream may not be as asked for.
	invalidConfig jetstream.ErrorCode = 10052
)

// Engine is a stream of JetStream. Use Open.
type Engine struct {
	opts   nats.Options
	stream jetstream.StreamConfig // what it is like if it is made here
	made   atomic.Int64           // when the stream was made that Join found last, or Read at first, in ns since 1970; 0 before

	turn chan struct{}       // full while someone uses js: a mutex of which ctx bounds the waiting
	js   jetstream.JetStream // on the last connection; nil before the first; guarded by turn
}

// Open returns the stream, of the newest entries up to a limit, at the servers that address names:
// nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]...], or tls:// for TLS. Its name is of letters, digits, _ and -.
// It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	alien := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, alien) {
		return nil, fmt.Errorf("stream %q: the name must be of letters, digits, _ and -, up to 255", name)
	}
	servers, err := parse(address)
	if err != nil {
		return nil, err
	}
	e := &Engine{opts: options(servers), turn: make(chan struct{}, 1)}
	e.stream = jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{name + ".events"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxMsgs:     int64(limit),
		Duplicates:  window,
		AllowDirect: true,
	}
	return e, nil
}

// Close implements sharedlog.Engine.
func (e *Engine) Close() error {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if e.js != nil {
		e.js.Conn().Close()
	}
	return nil
}

// Join implements sharedlog.Engine.
func (e *Engine) Join(ctx context.Context) (extent sharedlog.StreamInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	js, err := e.connected(ctx)
	if err != nil {
		return extent, err
	}
	stream, err := js.Stream(ctx, e.stream.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = e.create(ctx, js)
	}
	if err != nil {
		return extent, e.failed("join", js, err)
	}
	info := stream.CachedInfo()
	made := info.Created.UnixNano()
	e.made.Store(made)
	extent = sharedlog.StreamInfo{Epoch: epoch(made), First: info.State.FirstSeq, Last: info.State.LastSeq}
	if info.State.Msgs == 0 {
		extent.First = extent.Last + 1 // where NATS says 0 if there never was one
	}
	return extent, nil
}

// create makes the stream. It remembers IDs for less than window where the server does not allow that.
func (e *Engine) create(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	stream, err := js.CreateStream(ctx, e.stream)
	var refusal *jetstream.APIError
	if errors.As(err, &refusal) && refusal.ErrorCode == invalidConfig {
		config := e.stream
		config.Duplicates = 0 // as long as is usual there
		return js.CreateStream(ctx, config)
	}
	return stream, err
}

// epoch returns that of the stream that was made then.
func epoch(made int64) string { return strconv.FormatInt(made, 36) }

// Read implements sharedlog.Engine. When the connection is lost it returns at once, when the server falls silent after three
// seconds. The error is ErrRenewed, wrapped, if the stream is not the one any more that Join found, or ends before after.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	js, err := e.connected(ctx)
	if err != nil {
		return err
	}
	messages, err := e.messages(ctx, js, after)
	if err != nil {
		return e.ended(ctx, js, after, err)
	}
	defer messages.Stop()
	for n := uint64(1); ; n++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return e.ended(ctx, js, after, err)
		}
		at, err := msg.Metadata()
		if err != nil {
			return e.failed("read", js, err)
		}
		if at.Sequence.Consumer != n {
			return e.failed("read", js, fmt.Errorf("message %d came where %d was due", at.Sequence.Consumer, n))
		}
		entry := sharedlog.Entry{Seq: at.Sequence.Stream, ID: msg.Headers().Get(jetstream.MsgIDHeader), Text: msg.Data()}
		if err := take([]sharedlog.Entry{entry}); err != nil {
			return err
		}
		after = entry.Seq
	}
}

// messages returns those after a number. It does without jetstream's ordered consumer, which goes on by itself, also with
// another stream of that name.
func (e *Engine) messages(ctx context.Context, js jetstream.JetStream, after uint64) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	consumer, err := js.CreateConsumer(ctx, e.stream.Name, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: idle,
		Replicas:          1,
		MemoryStorage:     true,
	})
	if err != nil {
		return nil, err
	}
	// Only now, as the consumer is of this stream or dead.
	if err := e.same(ctx, js, after); err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(ahead), jetstream.PullHeartbeat(beat))
}

// same wants the stream to be the one that Join found, with all entries up to a number, but for the oldest.
func (e *Engine) same(ctx context.Context, js jetstream.JetStream, upTo uint64) error {
	stream, err := js.Stream(ctx, e.stream.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w: there is no %s any more", sharedlog.ErrStreamReset, e.stream.Name)
	}
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	now := info.Created.UnixNano()
	e.made.CompareAndSwap(0, now)
	if made := e.made.Load(); now != made {
		return fmt.Errorf("%w: its epoch is %s, and was %s", sharedlog.ErrStreamReset, epoch(now), epoch(made))
	}
	if info.State.LastSeq < upTo {
		return fmt.Errorf("%w: it ends at %d, and had %d before", sharedlog.ErrStreamReset, info.State.LastSeq, upTo)
	}
	return nil
}

// ended returns why reading has ended, when err is all that is known.
func (e *Engine) ended(ctx context.Context, js jetstream.JetStream, after uint64, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	if renewed := e.same(ctx, js, after); errors.Is(renewed, sharedlog.ErrStreamReset) {
		return renewed
	}
	return e.failed("read", js, err)
}

// Append implements sharedlog.Engine. It fails if the server does not say within five seconds that it has the entry, and may
// have it even so.
func (e *Engine) Append(ctx context.Context, id string, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	js, err := e.connected(ctx)
	if err != nil {
		return err
	}
	_, err = js.Publish(ctx, e.stream.Subjects[0], text,
		jetstream.WithMsgID(id), jetstream.WithExpectStream(e.stream.Name), jetstream.WithRetryAttempts(0))
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: max_payload of the server: %w", sharedlog.ErrTooLarge, err)
	case errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fmt.Errorf("%w: max_msg_size of stream %s: %w", sharedlog.ErrTooLarge, e.stream.Name, err)
	case err != nil:
		return e.failed("append to", js, err)
	}
	return nil
}

// failed returns an error of the stream, with what the connection knows of why there was no answer.
func (e *Engine) failed(what string, js jetstream.JetStream, err error) error {
	err = fmt.Errorf("%s stream %s: %w", what, e.stream.Name, err)
	if errors.Is(err, nats.ErrNoResponders) {
		err = fmt.Errorf("%w: is JetStream enabled there?", err)
	}
	conn := js.Conn()
	if last := conn.LastError(); last != nil && (conn.IsClosed() || errors.Is(err, context.DeadlineExceeded)) {
		err = fmt.Errorf("%w: %w", err, last)
	}
	return err
}
