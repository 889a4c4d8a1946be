package simulation

import (
	"context"
	"errors"
	"sync"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/server"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

const (
	stateDir      = "/var/state"
	maxEventSize  = 24 << 10
	memoryRecords = 16
	records       = 64
	maxClients    = 12
	catchUp       = 5 * time.Second
	readyLimit    = 20 * time.Second
)

// process is one run of the relay: the parts of package app, which opens real sockets.
type process struct {
	disk          *disk
	network       *network
	notifications *notifications
	log           *eventlog.Log
	relay         *relay.Relay
	watcher       *watcher.Watcher
	server        *server.Server
	buffers       *budget.Budget
	stops         []func() // of the parts that run, in the order in which they started
	atStart       uint64   // decisions about what existed before
	began         time.Time
}

// start starts all parts in the order of package app. An error means that the relay does not start.
func (p *process) start(s *simulation) (err error) {
	p.log, err = eventlog.Open(stateDir, eventlog.Options{
		Records: records, MemoryRecords: memoryRecords, Provisional: true, FS: p.disk, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	direct := s.lives%2 == 0
	p.relay = relay.New(p.log,
		relay.Options{MaxEventSize: maxEventSize, Direct: func() bool { return direct }, Logger: s.logger})
	before := p.log.Head().Seq
	p.watcher, err = watcher.New(s.writer.path, watcher.Options{
		MaxSize:      maxEventSize,
		Complete:     schema.Complete,
		ValidLine:    schema.ValidLine,
		NewestOnly:   p.log.Created(),
		OnOverwrites: p.relay.CountOverwritten,
		OnIdle:       p.relay.Idle,
		Notify:       p.notifications.open,
		Logger:       s.logger,
	})
	if err != nil {
		return err
	}
	p.run(p.relay.Run, p.log.KeepSynced)
	p.run(func(ctx context.Context) {
		if err := p.watcher.Run(ctx, p.ingest); err != nil {
			s.problem("the watcher ended: %v", err)
		}
	})
	limit, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	select {
	case <-p.watcher.Ready():
	case <-limit.Done():
		return errors.New("the watcher does not become ready")
	}
	if err := p.relay.Flush(limit); err != nil {
		return err
	}
	p.log.Confirm()
	p.atStart = p.decisions()
	p.serve(s, before)
	return nil
}

// serve starts the server and its listener.
func (p *process) serve(s *simulation, before uint64) {
	p.began = time.Now()
	p.buffers = budget.New(64 << 10)
	p.server = server.New(p.log.Reader, before, server.Options{
		MaxClients: maxClients, CatchUp: catchUp, ResumeFile: s.sessionsFile, Buffers: p.buffers, Logger: s.logger,
	})
	p.run(p.server.Run)
	p.run(func(ctx context.Context) {
		if err := listener.Serve(ctx, p.network, p.server, listener.Options{Logger: s.logger}); err != nil {
			s.problem("the listener failed: %v", err)
		}
	})
}

// ingest passes a content to the relay, as package main does.
func (p *process) ingest(ctx context.Context, content watcher.Content) error {
	switch {
	case content.Outbox:
		return p.relay.IngestLine(ctx, content.Bytes)
	case content.Ahead:
		return p.relay.IngestAhead(ctx, content.Bytes, content.Written)
	default:
		return p.relay.Ingest(ctx, content.Bytes, content.Written)
	}
}

// run runs functions until their stop is called.
func (p *process) run(functions ...func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, function := range functions {
		running.Go(func() { function(ctx) })
	}
	p.stops = append(p.stops, func() { cancel(); running.Wait() })
}

// stopLast stops the part that was started last.
func (p *process) stopLast() {
	last := len(p.stops) - 1
	p.stops[last]()
	p.stops = p.stops[:last]
}

// stop stops the relay as package app does. Clients must read meanwhile.
func (p *process) stop(reason fanout.CloseReason, over time.Duration) error {
	p.stopLast() // the listener
	p.server.Drain(reason, over)
	for len(p.stops) > 0 {
		p.stopLast()
	}
	return p.log.Close()
}

// abandon ends the goroutines of a process that was killed, or did not start. Nothing that they do is visible.
func (p *process) abandon() {
	for len(p.stops) > 0 {
		p.stopLast()
	}
	if p.log != nil {
		p.log.Close()
	}
}

// catchUps returns how many holes a client may see that begins without a position: one between the events of the
// catch-up and the present.
func (p *process) catchUps() int {
	if time.Since(p.began) > catchUp {
		return 0
	}
	return 1
}

// decisions returns how many decisions were made.
func (p *process) decisions() (n uint64) {
	for _, count := range p.relay.Decisions().Counts() {
		n += count
	}
	return n
}
