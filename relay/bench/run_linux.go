package bench

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxPending bounds the handshakes in progress. It is well below the backlog of a listener, so that the kernel
	// drops no connection.
	maxPending = 256

	// handshakeTimeout is the maximum time between two responses to handshakes.
	handshakeTimeout = 10 * time.Second

	// reservedDescriptors is the number of descriptors that clients do not use. The relay reserves as many.
	reservedDescriptors = 64

	// stepInterval bounds one wait for events, and so the delay until a run notices the end of its context.
	stepInterval = 100 * time.Millisecond
)

// Run connects the clients, writes the events and returns the measurements. If ctx ends, it waits for the deliveries
// in progress and returns early without an error. Lost events are part of the result, not an error. If Run returns an
// error after clients were connected, it also returns the result so far.
//
// Run serves the clients on the calling goroutine and writes the events on another thread, so that a message that
// arrives during a write counts at once.
func Run(ctx context.Context, o Options) (*Result, error) {
	// The scheduler needs no other thread after a wait, and startRelay needs a thread that lives as long as the
	// relay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	o = o.withDefaults()
	if err := checkDescriptors(o.Clients + o.Churn + o.Herd); err != nil {
		return nil, err
	}
	if o.URL != nil {
		return load(ctx, o)
	}
	relay, err := startRelay(ctx, o.Size)
	if err != nil {
		return nil, err
	}
	o.URL, o.Write, o.PIDs = relay.url, relay.file, []int{relay.cmd.Process.Pid}
	result, err := load(ctx, o)
	return result, relay.stop(err)
}

// checkDescriptors returns an error if the limit of open files is too low for this number of connections. Go has
// raised the soft limit to the hard limit at startup.
func checkDescriptors(connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("get the limit of open files: %w", err)
	}
	if uint64(connections)+reservedDescriptors > limit.Cur {
		return fmt.Errorf("%d connections (--clients, --churn and --herd) need %d open files here and in the server, "+
			"but the limit is %d; raise it with ulimit -n, or in a systemd unit with LimitNOFILE=",
			connections, connections+reservedDescriptors, limit.Cur)
	}
	return nil
}

// run is one run against a server. Only one goroutine uses it.
type run struct {
	opts       Options
	clients    *clientSet
	churn      churn
	herd       *herd // nil without Herd
	reports    reports
	describe   func() string // returns the text for progress
	lastReport struct {      // values at the last call of describeEvents
		at         time.Duration
		deliveries uint64
	}

	connectTime         time.Duration // from the first connection to the last response
	before, idle, after usage         // before the first client, before the first event, after the last event
}

// load runs the clients against the server at o.URL.
func load(ctx context.Context, o Options) (*Result, error) {
	if _, err := residentMemory(o.PIDs); err != nil {
		return nil, fmt.Errorf("%w; set --pid to the server's process on this machine", err)
	}
	r := &run{opts: o, reports: newReports(o.Progress), before: measureUsage(o.PIDs)}
	address, err := resolve(ctx, o.URL)
	if err != nil {
		return nil, err
	}
	if r.clients, err = newClientSet(address, o.URL, o.Clients+o.Churn); err != nil {
		return nil, err
	}
	defer r.clients.close()
	if o.Herd > 0 {
		if err := r.addHerd(address); err != nil {
			return nil, err
		}
		defer r.herd.set.close()
	}
	defer r.reports.line.Clear()
	err = r.runPhases(ctx)
	if r.clients.connections.connected == 0 {
		return nil, err
	}
	return r.result(), err
}

// addHerd adds the clients of Herd, disconnected. They share the clock of the others.
func (r *run) addHerd(server *net.TCPAddr) error {
	set, err := newClientSet(server, r.opts.URL, r.opts.Herd)
	if err != nil {
		return err
	}
	set.start, set.firstAddress = r.clients.start, 1+len(r.clients.clients)/clientsPerAddress
	r.herd = newHerd(set)
	return nil
}

// resolve returns the address of the server. It connects once to find an address that works.
func resolve(ctx context.Context, server *url.URL) (*net.TCPAddr, error) {
	port := server.Port()
	switch {
	case port == "" && server.Scheme == "wss":
		port = "443"
	case port == "":
		port = "80"
	}
	dialer := net.Dialer{Timeout: handshakeTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(server.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w; set --url to the server's own address, such as ws://localhost:8080/",
			&url.URL{Scheme: server.Scheme, Host: server.Host, Path: server.Path}, err)
	}
	defer conn.Close()
	return conn.RemoteAddr().(*net.TCPAddr), nil // network "tcp" always has this type
}

// runPhases connects the clients, waits for Settle and then writes or counts the events. If ctx ends, it skips the
// rest.
func (r *run) runPhases(ctx context.Context) error {
	if err := r.connect(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	r.describe = r.describeEvents
	if err := r.runUntil(ctx, r.clients.now()+r.opts.Settle, nil); err != nil {
		return err
	}
	r.idle = measureUsage(r.opts.PIDs)
	r.churn = newChurn(r.clients, r.opts.Clients, r.opts.Churn)
	defer func() { r.after = measureUsage(r.opts.PIDs) }()
	if r.opts.external() {
		return r.countExternal(ctx)
	}
	if r.herd != nil {
		return r.writeWithHerd(ctx)
	}
	return r.writeEvents(ctx)
}

// step serves the clients once, or waits for an event until latest or for stepInterval.
func (r *run) step(latest time.Duration) error {
	now := r.clients.now()
	r.reports.show(now, r.describe)
	latest, err := r.churn.step(now, min(latest, now+stepInterval))
	if err != nil {
		return err
	}
	return r.clients.poll(latest)
}

// runUntil serves the clients until the given time, until done returns true, or until ctx ends. done may be nil.
func (r *run) runUntil(ctx context.Context, until time.Duration, done func() bool) error {
	for ctx.Err() == nil && r.clients.now() < until && (done == nil || !done()) {
		if err := r.step(until); err != nil {
			return err
		}
	}
	return nil
}
