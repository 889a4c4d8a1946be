//go:build linux

package steps

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/durable"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/server"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// relaySteps are the steps of an event in the relay. The first ones are the way to the client.
var relaySteps = []step{
	{"truncate", begun, truncated},
	{"wake", truncated, notified},
	{"read", notified, read},
	{"complete", read, completed},
	{"handover", completed, ingested},
	{"decide", ingested, decided},
	{"record", decided, recorded},
	{"journal", recorded, journaled},
	{"publish", journaled, delivering},
	{"deliver", delivering, received},
	{"delivery", delivering, delivered},
	{"after", delivered, done},
}

// relayParts are the components of a relay, connected as in packages app and main.
type relayParts struct {
	trace   *trace
	monitor *admin.Monitor
	log     *eventlog.Log
	server  *server.Server
	relay   *relay.Relay
	watcher *watcher.Watcher
	socket  net.Listener
}

// startRelay starts a relay for the event file, with a state directory. It returns its port.
func startRelay(t testing.TB, state, file string, trace *trace) (port int) {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	p := &relayParts{trace: trace, monitor: admin.NewMonitor()}
	p.open(t, state, file, logger)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.server.Run(ctx) })
	running.Go(func() { p.relay.Run(ctx) })
	running.Go(func() { p.log.KeepSynced(ctx) })
	running.Go(func() { p.watcher.Run(ctx, p.handle) })
	running.Go(func() { listener.Serve(ctx, p.socket, p.server, listener.Options{Logger: logger}) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := p.log.Close(); err != nil {
			t.Error(err)
		}
	})
	<-p.watcher.Ready()
	return p.socket.Addr().(*net.TCPAddr).Port
}

// open opens the components.
func (p *relayParts) open(t testing.TB, state, file string, logger *slog.Logger) {
	var err error
	p.log, err = eventlog.Open(state, eventlog.Options{FS: tracedFS{durable.OS, p.trace}, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	p.server = server.New(p.log.Reader, p.log.Head().Seq, server.Options{
		OnDelivered: func(latency time.Duration) { p.trace.reach(delivered); p.monitor.AddDelivery(latency) },
		Logger:      logger,
	})
	p.relay = relay.New(p.log, relay.Options{
		OnRead:     func([]byte) { p.trace.reach(ingested) },
		OnDecision: p.monitor.AddChange,
		Direct:     p.direct,
		Deliver:    func(bool) { p.trace.reach(delivering); p.server.Deliver() },
		Logger:     logger,
	})
	p.watcher, err = watcher.New(file, watcher.Options{
		Complete:     p.complete,
		ValidLine:    schema.ValidLine,
		OnOverwrites: p.relay.CountOverwritten,
		OnIdle:       func() { p.relay.Idle(); p.trace.reach(done) },
		Logger:       logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.socket, err = listener.Listen("--listen", "127.0.0.1:0", logger); err != nil {
		t.Fatal(err)
	}
}

// handle passes a content to the relay.
func (p *relayParts) handle(ctx context.Context, content watcher.Content) error {
	p.trace.reachAt(notified, content.Written) // the time of the notification, see watcher.Content
	return p.relay.Ingest(ctx, content.Bytes, content.Written)
}

// complete implements watcher.Options.Complete.
func (p *relayParts) complete(content []byte) bool {
	p.trace.reach(read)
	defer p.trace.reach(completed)
	return schema.Complete(content)
}

// direct implements relay.Options.Direct, which the relay calls for a new event.
func (p *relayParts) direct() bool {
	p.trace.reach(decided)
	return true
}

// tracedFS is a file system that traces the writes to the journal.
type tracedFS struct {
	durable.FS
	trace *trace
}

func (f tracedFS) OpenFile(name string, flag int, mode fs.FileMode) (durable.File, error) {
	file, err := f.FS.OpenFile(name, flag, mode)
	if err != nil || filepath.Base(name) != "journal.ndjson" {
		return file, err
	}
	return tracedFile{file, f.trace}, nil
}

type tracedFile struct {
	durable.File
	trace *trace
}

func (f tracedFile) Write(p []byte) (int, error) {
	f.trace.reach(recorded)
	defer f.trace.reach(journaled)
	return f.File.Write(p)
}
