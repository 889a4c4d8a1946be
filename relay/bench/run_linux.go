package bench

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/wsclient"
)

const (
	// maxPending bounds the handshakes under way, well below what a listener's queue takes.
	maxPending = 256

	// handshakePatience is how long it may take until the next handshake is answered.
	handshakeTimeout = 10 * time.Second

	// reservedDescriptors are kept from the clients. The relay keeps as many.
	reservedDescriptors = 64

	// attention bounds for how long the end of a context and what is to be said can wait.
	stepInterval = 100 * time.Millisecond
)

// Run connects the clients, has events sent to them and returns what it found out. If ctx ends, it finishes what is
// under way and stops early, which is no error. With an error comes a result if there were clients. That events got
// lost is a result, and no error.
//
// The clients run on the calling goroutine, and events are written by it, too: what comes while one is being written
// counts as come just afterwards.
func Run(ctx context.Context, o Options) (*Result, error) {
	runtime.LockOSThread() // a thread that need not be looked for after each wait, and that the relay's life hangs on
	defer runtime.UnlockOSThread()
	o = o.withDefaults()
	if err := checkDescriptors(o.Clients + o.Churn); err != nil {
		return nil, err
	}
	if o.URL != nil {
		return load(ctx, o)
	}
	relay, err := startRelay(ctx, o.Size)
	if err != nil {
		return nil, err
	}
	o.URL, o.Write, o.PID = relay.url, relay.file, relay.cmd.Process.Pid
	result, err := load(ctx, o)
	return result, relay.stop(err)
}

// checkDescriptors refuses more connections than the limit of open files allows. Go has raised that as far as it may.
func checkDescriptors(connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if uint64(connections)+reservedDescriptors > limit.Cur {
		return fmt.Errorf("%d connections (--clients and --churn) need %d open files here, and as many in the server, but the limit is %d; raise it with ulimit -n, or in a unit with LimitNOFILE=",
			connections, connections+reservedDescriptors, limit.Cur)
	}
	return nil
}

// run is one load of a server.
type run struct {
	opts       Options
	clients    *clientSet
	churn      churn
	progress   progress
	describe   func() string // what progress says
	lastReport struct {      // when events were described last, and what they had come to
		at         time.Duration
		deliveries uint64
	}

	written             time.Duration // when the newest event began to be
	connectTime         time.Duration // from the first connection to the last one's answer
	before, idle, after usage         // without clients, before the first event, after the last one
}

// load loads the server at o.URL.
func load(ctx context.Context, o Options) (*Result, error) {
	if o.PID != 0 {
		if _, _, err := process(o.PID).memory(); err != nil {
			return nil, fmt.Errorf("--pid must be the server's process on this machine: %w", err)
		}
	}
	r := &run{opts: o, progress: newProgress(o.Progress, o.Rewrite), before: measureUsage(o.PID)}
	address, err := resolve(ctx, o.URL)
	if err != nil {
		return nil, err
	}
	if r.clients, err = newClientSet(address, wsclient.HandshakeRequest(o.URL), o.Clients+o.Churn); err != nil {
		return nil, err
	}
	defer r.clients.close()
	defer r.progress.clear()
	err = r.runPhases(ctx)
	if r.clients.connections.connected == 0 {
		return nil, err
	}
	return r.result(), err
}

// resolve returns the address of the server, by connecting to it once.
func resolve(ctx context.Context, server *url.URL) (*net.TCPAddr, error) {
	port := server.Port()
	if port == "" {
		port = "80"
	}
	dialer := net.Dialer{Timeout: handshakeTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(server.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("the server at %s cannot be reached; --url must be its own address, as ws://localhost:8080/: %w", server, err)
	}
	defer conn.Close()
	return conn.RemoteAddr().(*net.TCPAddr), nil // which "tcp" dials
}

// phases goes through all that a run does. What ctx ends is passed over.
func (r *run) runPhases(ctx context.Context) error {
	if err := r.connect(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	r.describe = r.describeEvents
	if err := r.runUntil(ctx, r.clients.now()+r.opts.Settle, nil); err != nil {
		return err
	}
	r.idle = measureUsage(r.opts.PID)
	r.churn = newChurn(r.clients, r.opts.Clients, r.opts.Churn)
	defer func() { r.after = measureUsage(r.opts.PID) }()
	if r.opts.external() {
		return r.countExternal(ctx)
	}
	return r.writeEvents(ctx)
}

// turn has the clients take what has come, or waits for that until the given time at most.
func (r *run) step(latest time.Duration) error {
	now := r.clients.now()
	r.progress.report(now, r.describe)
	latest, err := r.churn.step(now, min(latest, now+stepInterval))
	if err != nil {
		return err
	}
	return r.clients.poll(latest)
}

// serve has the clients take what comes until the given time, or until done.
func (r *run) runUntil(ctx context.Context, until time.Duration, done func() bool) error {
	for ctx.Err() == nil && r.clients.now() < until && (done == nil || !done()) {
		if err := r.step(until); err != nil {
			return err
		}
	}
	return nil
}
