package bench

import (
	"context"
	"errors"
	"fmt"
)

// connect connects the clients. It returns when the server has answered all handshakes, or has answered none for
// handshakeTimeout. It returns an error if no client is connected then.
func (r *run) connect(ctx context.Context) error {
	s := r.clients
	r.describe = r.describeConnecting
	start, opened, answered := s.now(), 0, 0
	deadline := start + handshakeTimeout
	for ctx.Err() == nil && answered < r.opts.Clients && s.now() < deadline {
		for ; opened < r.opts.Clients && s.connections.pending < maxPending; opened++ {
			if err := s.open(opened, r.opts.role(opened)); err != nil {
				return err
			}
		}
		if err := r.step(deadline); err != nil {
			return err
		}
		if n := s.connections.connected + s.connections.rejected; n > answered {
			answered, deadline = n, s.now()+handshakeTimeout
		}
		r.connectTime = s.now() - start
	}
	if ctx.Err() != nil {
		return nil
	}
	s.rejectPending(fmt.Errorf("the server answered no handshake for %v", handshakeTimeout))
	if s.connections.connected == 0 && s.connections.firstRejection != nil {
		return fmt.Errorf("the server at %s rejected all clients: %w", r.opts.URL, s.connections.firstRejection)
	}
	return nil
}

// role returns the role of client i. Stalled clients are spread evenly over all clients.
func (o *Options) role(i int) role {
	if (i+1)*o.Stalled/o.Clients > i*o.Stalled/o.Clients {
		return stalled
	}
	return reader
}

// writeEvents writes the events, at least Every apart, and waits until each has reached all clients. With NoWait it
// waits only for the last one.
func (r *run) writeEvents(ctx context.Context) error {
	for n := 1; n <= r.opts.Events && ctx.Err() == nil; n++ {
		if err := r.writeEvent(n); err != nil {
			return err
		}
		if !r.opts.NoWait {
			if err := r.awaitDelivery(ctx); err != nil {
				return err
			}
		}
		if err := r.runUntil(ctx, r.written+r.opts.Every, nil); err != nil {
			return err
		}
	}
	return r.awaitDelivery(ctx)
}

// writeEvent writes event n.
func (r *run) writeEvent(n int) error {
	doc, err := eventDocument(n, r.opts.Size)
	if err != nil {
		return err
	}
	r.written = r.clients.now()
	if err := writeFile(r.opts.Write, doc); err != nil {
		return err
	}
	r.clients.recorder.AddEvent(r.written, r.clients.reading) // no client was read since the write began
	return nil
}

// awaitDelivery waits until the newest event has reached all clients, for DeliveryTimeout at most. It ignores the end
// of ctx, so that a run that is stopped does not count the deliveries in progress as lost.
func (r *run) awaitDelivery(ctx context.Context) error {
	arrived := func() bool { return !r.clients.recorder.Outstanding() }
	err := r.runUntil(context.WithoutCancel(ctx), r.written+r.opts.DeliveryTimeout, arrived)
	return errors.Join(err, r.checkClientsLeft())
}

// countExternal counts the events that others write, for Duration.
func (r *run) countExternal(ctx context.Context) error {
	s := r.clients
	s.external = true
	err := r.runUntil(ctx, s.now()+r.opts.Duration, func() bool { return s.connected == 0 })
	return errors.Join(err, r.checkClientsLeft())
}

// checkClientsLeft returns an error if no client is connected any more.
func (r *run) checkClientsLeft() error {
	if r.clients.connected > 0 {
		return nil
	}
	connections := &r.clients.connections
	err := fmt.Errorf("the server closed all clients: %s", describeCloses(connections.closed, connections.violations))
	if connections.firstViolation != nil {
		err = fmt.Errorf("%w; the server sent %w", err, connections.firstViolation)
	}
	return err
}
