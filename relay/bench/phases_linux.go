package bench

import (
	"context"
	"errors"
	"fmt"
)

// connect connects the clients, and goes on with those that were admitted when all have been answered, or for too long
// none. It fails if there are none.
func (r *run) connect(ctx context.Context) error {
	s := r.swarm
	r.describe = r.describeConnecting
	began, opened, answered := s.now(), 0, 0
	due := began + handshakePatience
	for ctx.Err() == nil && answered < r.opts.Clients && s.now() < due {
		for ; opened < r.opts.Clients && s.census.pending < maxPending; opened++ {
			if err := s.open(opened, r.opts.role(opened)); err != nil {
				return err
			}
		}
		if err := r.turn(due); err != nil {
			return err
		}
		if n := s.census.connected + s.census.refused; n > answered {
			answered, due = n, s.now()+handshakePatience
		}
		r.connecting = s.now() - began
	}
	if ctx.Err() != nil {
		return nil
	}
	s.refuseAll(fmt.Errorf("the server has answered no handshake for %v", handshakePatience))
	if s.census.connected == 0 && s.census.refusal != nil {
		return fmt.Errorf("no client is admitted at %s: %w", r.opts.URL, s.census.refusal)
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
func (r *run) write(ctx context.Context) error {
	for n := 1; n <= r.opts.Events && ctx.Err() == nil; n++ {
		if err := r.writeEvent(n); err != nil {
			return err
		}
		if !r.opts.NoWait {
			if err := r.awaitNewest(ctx); err != nil {
				return err
			}
		}
		if err := r.serve(ctx, r.written+r.opts.Every, nil); err != nil {
			return err
		}
	}
	return r.awaitNewest(ctx)
}

func (r *run) writeEvent(n int) error {
	doc, err := document(n, r.opts.Size)
	if err != nil {
		return err
	}
	r.written = r.swarm.now()
	if err := save(r.opts.File, doc); err != nil {
		return err
	}
	r.swarm.tally.Write(r.written, r.swarm.reading) // nothing is read meanwhile
	return nil
}

// awaitNewest waits until the newest event has reached all clients, but not for longer than Patience. It does so even
// if ctx has ended: what has been written is not lost for that.
func (r *run) awaitNewest(ctx context.Context) error {
	arrived := func() bool { return !r.swarm.tally.Awaits() }
	err := r.serve(context.WithoutCancel(ctx), r.written+r.opts.Patience, arrived)
	return errors.Join(err, r.someLeft())
}

// listen counts what others write.
func (r *run) listen(ctx context.Context) error {
	s := r.swarm
	s.overhear = true
	err := r.serve(ctx, s.now()+r.opts.Duration, func() bool { return s.present == 0 })
	return errors.Join(err, r.someLeft())
}

// someLeft returns an error if all clients are gone.
func (r *run) someLeft() error {
	if r.swarm.present > 0 {
		return nil
	}
	census := &r.swarm.census
	err := fmt.Errorf("no client is left; their connections ended: %s", endings(census.ended, census.errors))
	if census.violation != nil {
		err = fmt.Errorf("%w; the server sent %w", err, census.violation)
	}
	return err
}
