package bench

import (
	"context"
	"errors"
	"fmt"
)

// connect connects the clients, and goes on with those that were admitted when all have been answered, or for too long
// none. It fails if there are none.
func (r *run) connect(ctx context.Context) error {
	s := r.clients
	r.describe = r.describeConnecting
	began, opened, answered := s.now(), 0, 0
	due := began + handshakeTimeout
	for ctx.Err() == nil && answered < r.opts.Clients && s.now() < due {
		for ; opened < r.opts.Clients && s.connections.pending < maxPending; opened++ {
			if err := s.open(opened, r.opts.role(opened)); err != nil {
				return err
			}
		}
		if err := r.step(due); err != nil {
			return err
		}
		if n := s.connections.connected + s.connections.rejected; n > answered {
			answered, due = n, s.now()+handshakeTimeout
		}
		r.connectTime = s.now() - began
	}
	if ctx.Err() != nil {
		return nil
	}
	s.rejectPending(fmt.Errorf("the server has answered no handshake for %v", handshakeTimeout))
	if s.connections.connected == 0 && s.connections.firstRejection != nil {
		return fmt.Errorf("no client is admitted at %s: %w", r.opts.URL, s.connections.firstRejection)
	}
	return nil
}

// role returns what client i is there for: those that stall are evenly spread.
func (o *Options) role(i int) role {
	if (i+1)*o.Stalled/o.Clients > i*o.Stalled/o.Clients {
		return stalled
	}
	return reader
}

// write writes the events at their pace, and waits for each to reach all clients; where the pace is all that counts,
// for the last one alone.
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

func (r *run) writeEvent(n int) error {
	doc, err := eventDocument(n, r.opts.Size)
	if err != nil {
		return err
	}
	r.written = r.clients.now()
	if err := writeFile(r.opts.Write, doc); err != nil {
		return err
	}
	r.clients.recorder.AddEvent(r.written, r.clients.reading) // nothing is read meanwhile
	return nil
}

// awaitNewest waits until the newest event has reached all clients, but not for longer than Patience. It does so even
// if ctx has ended: what has been written is not lost for that.
func (r *run) awaitDelivery(ctx context.Context) error {
	arrived := func() bool { return !r.clients.recorder.Outstanding() }
	err := r.runUntil(context.WithoutCancel(ctx), r.written+r.opts.DeliveryTimeout, arrived)
	return errors.Join(err, r.checkClientsLeft())
}

// listen counts what others write.
func (r *run) countExternal(ctx context.Context) error {
	s := r.clients
	s.external = true
	err := r.runUntil(ctx, s.now()+r.opts.Duration, func() bool { return s.connected == 0 })
	return errors.Join(err, r.checkClientsLeft())
}

// someLeft returns an error if all clients are gone.
func (r *run) checkClientsLeft() error {
	if r.clients.connected > 0 {
		return nil
	}
	census := &r.clients.connections
	err := fmt.Errorf("no client is left; their connections ended: %s", describeCloses(census.closed, census.violations))
	if census.firstViolation != nil {
		err = fmt.Errorf("%w; the server sent %w", err, census.firstViolation)
	}
	return err
}
