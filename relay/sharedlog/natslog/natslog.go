// Package natslog implements sharedlog.Engine with a stream of NATS JetStream, from server version 2.9 on.
// JetStream numbers the entries and drops duplicates. The package does not change an existing stream, and does not
// retry anything, because sharedlog does.
//
// A stream that the package creates has one replica, unless the address has ?replicas=N. If the machine of the only
// replica crashes, the newest entries of up to two minutes may be lost (sync_interval of NATS). An operator may also
// create the stream before the first relay starts, with the subject NAME.events and a duplicate window of ten minutes.
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
	// requestTimeout bounds a request, including connecting for it.
	requestTimeout = 5 * time.Second

	// duplicateWindow is how long the server remembers IDs, if it permits that. A relay restarts within this time.
	duplicateWindow = 10 * time.Minute

	// createPause is the time between the discovery that the stream does not exist and its creation. Server 2.9
	// deletes the files of a deleted stream a moment later, and with them a stream that was created meanwhile.
	createPause = 500 * time.Millisecond

	// invalidConfig is the error code for a stream configuration that the server does not permit.
	invalidConfig jetstream.ErrorCode = 10052

	// maxReplicas is the maximum of the server.
	maxReplicas = 5

	// maxNameLength bounds the name of a stream, as the server does.
	maxNameLength = 255
)

// Engine is a stream of JetStream. Use Open.
type Engine struct {
	opts   nats.Options
	config jetstream.StreamConfig // of the stream, if this engine creates it

	// created is when the stream was created, in nanoseconds since 1970, as seen by the last Join or the first
	// Read. It is 0 before.
	created atomic.Int64

	user *url.Userinfo // of the address; may be nil

	lock chan struct{}       // a mutex that can be waited for with a context: whoever sends holds it
	js   jetstream.JetStream // of the last connection; nil before the first; guarded by lock

	// learned are the addresses of further servers of the cluster; guarded by lock.
	learned []string
}

// Open returns the stream with this name, of limit entries, on the servers at address:
// nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]...], or tls:// for TLS. The engine learns the other servers of
// a cluster from the one it connects to. A stream that it creates has ?replicas=N replicas (default: 1). The name
// consists of letters, digits, _ and -. It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	invalid := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	if name == "" || len(name) > maxNameLength || strings.ContainsFunc(name, invalid) {
		return nil, fmt.Errorf("stream %q: name must consist of 1 to %d letters, digits, _ and -", name, maxNameLength)
	}
	address, replicas, err := sharedlog.TakeReplicas(address, maxReplicas)
	if err != nil {
		return nil, err
	}
	servers, err := parse(address)
	if err != nil {
		return nil, err
	}
	e := &Engine{opts: connectionOptions(servers), user: address.User, lock: make(chan struct{}, 1)}
	e.config = jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{name + ".events"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxMsgs:     int64(limit),
		Duplicates:  duplicateWindow,
		AllowDirect: true,
		Replicas:    replicas, // 0 means 1
	}
	return e, nil
}

// Close implements sharedlog.Engine.
func (e *Engine) Close() error {
	e.lock <- struct{}{}
	defer func() { <-e.lock }()
	if e.js != nil {
		e.js.Conn().Close()
	}
	return nil
}

// Join implements sharedlog.Engine.
func (e *Engine) Join(ctx context.Context) (info sharedlog.StreamInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	js, err := e.connection(ctx)
	if err != nil {
		return info, err
	}
	stream, err := js.Stream(ctx, e.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = e.lookAgain(ctx, js)
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = e.create(ctx, js)
	}
	if err != nil {
		return info, e.wrap("join", js, err)
	}
	cached := stream.CachedInfo()
	created := cached.Created.UnixNano()
	e.created.Store(created)
	info = sharedlog.StreamInfo{Epoch: epoch(created), First: cached.State.FirstSeq, Last: cached.State.LastSeq}
	if cached.State.Msgs == 0 {
		info.First = info.Last + 1 // NATS returns 0 if the stream never had an entry
	}
	return info, nil
}

// lookAgain returns the stream after createPause.
func (e *Engine) lookAgain(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	select {
	case <-time.After(createPause):
	case <-ctx.Done():
	}
	return js.Stream(ctx, e.config.Name)
}

// create creates the stream. If the server does not permit duplicateWindow, the stream gets the server's default.
func (e *Engine) create(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	stream, err := js.CreateStream(ctx, e.config)
	var apiErr *jetstream.APIError
	if errors.As(err, &apiErr) && apiErr.ErrorCode == invalidConfig {
		config := e.config
		config.Duplicates = 0
		return js.CreateStream(ctx, config)
	}
	return stream, err
}

// epoch returns the epoch of a stream that was created at this time, in nanoseconds since 1970.
func epoch(created int64) string { return strconv.FormatInt(created, 36) }

// Append implements sharedlog.Engine. It fails if the server does not acknowledge the entry within requestTimeout.
// The server may have added the entry nevertheless.
func (e *Engine) Append(ctx context.Context, id string, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	js, err := e.connection(ctx)
	if err != nil {
		return err
	}
	_, err = js.Publish(ctx, e.config.Subjects[0], text,
		jetstream.WithMsgID(id), jetstream.WithExpectStream(e.config.Name), jetstream.WithRetryAttempts(0))
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: max_payload of the server: %w", sharedlog.ErrTooLarge, err)
	case errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fmt.Errorf("%w: max_msg_size of stream %s: %w", sharedlog.ErrTooLarge, e.config.Name, err)
	case err != nil:
		return e.wrap("append to", js, err)
	}
	return nil
}

// wrap adds the operation, the stream and the connection's last error to err.
func (e *Engine) wrap(operation string, js jetstream.JetStream, err error) error {
	err = fmt.Errorf("%s stream %s: %w", operation, e.config.Name, err)
	if errors.Is(err, nats.ErrNoResponders) {
		err = fmt.Errorf("%w; enable JetStream on the server", err)
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		err = fmt.Errorf("%w; the stream must have the subject %s", err, e.config.Subjects[0])
	}
	conn := js.Conn()
	if last := conn.LastError(); last != nil && (conn.IsClosed() || errors.Is(err, context.DeadlineExceeded)) {
		err = fmt.Errorf("%w: %w", err, last)
	}
	return err
}
