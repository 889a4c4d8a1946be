package sharedlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// fillTimeout bounds one attempt to read the stream's contents into the mirror. After it, Join asks again what the
// stream contains, because the broker may have deleted entries meanwhile.
const fillTimeout = 30 * time.Second

// Joined is a stream that this relay has joined, and its mirror. It is returned by Stream.Join only.
type Joined struct {
	stream *Stream
	mirror *mirror
}

// Log returns the mirror, which clients are served from.
func (j *Joined) Log() *eventlog.Reader { return j.mirror.log.Reader }

// rejoin joins the engine again after the connection was lost. The error is ctx's error, or wraps ErrStreamReset if
// the stream ends before the mirror does.
func (j *Joined) rejoin(ctx context.Context) (StreamInfo, error) {
	info, err := j.stream.joinEngine(ctx)
	if err != nil {
		return info, err
	}
	if head := j.mirror.log.Head(); info.Epoch != head.Epoch || info.Last < head.Seq {
		end := schema.Position{Epoch: info.Epoch, Seq: info.Last}
		return info, fmt.Errorf("%w: it ends at %s and ended at %s before", ErrStreamReset, end, head)
	}
	return info, nil
}

// errFilled ends Engine.Read when the mirror is filled.
var errFilled = errors.New("the mirror is filled")

// fill reads the stream into the mirror up to sequence number last.
func (j *Joined) fill(ctx context.Context, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	err := j.stream.engine.Read(ctx, j.mirror.log.Head().Seq, func(entries []Entry) error {
		j.mirror.add(entries)
		if len(entries) == 0 || j.mirror.log.Head().Seq >= last {
			return errFilled
		}
		return nil
	})
	if errors.Is(err, errFilled) {
		return nil
	}
	return err
}

// Run keeps the mirror equal to the stream's end and publishes captured events, until ctx ends; then it returns
// nil. It reconnects while the broker is unreachable. If it returns an error, that wraps ErrStreamReset: the mirror
// and all positions that clients have got are invalid.
func (j *Joined) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var publishing sync.WaitGroup
	if j.stream.publisher != nil {
		publishing.Go(func() { j.publishAll(ctx) })
		publishing.Go(func() { j.saveReceived(ctx) })
	}
	err := j.readAll(ctx)
	reported := errors.Is(err, ErrStreamReset) && j.reportLoss(ctx, j.mirror.log.Head())
	cancel()
	publishing.Wait()
	if reported {
		j.forgetReceived()
	}
	return err
}

// readAll reads the stream into the mirror until ctx ends or the stream is reset.
func (j *Joined) readAll(ctx context.Context) error {
	for pause := minRetryPause; ; pause = min(2*pause, maxRetryPause) {
		started := time.Now()
		err := j.read(ctx)
		if ctx.Err() == nil && !errors.Is(err, ErrStreamReset) {
			if time.Since(started) > maxRetryPause {
				pause = minRetryPause
			}
			err = j.reconnect(ctx, err, pause)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

// read reads the stream into the mirror until the connection is lost. It returns ErrStreamReset if the first entry
// does not overlap with the mirror.
func (j *Joined) read(ctx context.Context) error {
	return j.stream.engine.Read(ctx, j.mirror.resumeSeq(), func(entries []Entry) error {
		if len(entries) == 0 {
			return nil
		}
		if err := j.mirror.verifyOverlap(entries[0]); err != nil {
			return err
		}
		j.stream.state.setConnected(reading)
		j.mirror.add(entries)
		return nil
	})
}

// reconnect pauses after read has failed and joins the engine again. If the stream holds nothing to read, it
// reports the connection, because no entry will.
func (j *Joined) reconnect(ctx context.Context, cause error, pause time.Duration) error {
	j.stream.state.setDisconnected(reading, cause)
	sleep(ctx, pause)
	info, err := j.rejoin(ctx)
	if err == nil && (info.Last <= j.mirror.resumeSeq() || info.Last < info.First) {
		j.stream.state.setConnected(reading)
	}
	return err
}
