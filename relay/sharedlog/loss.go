package sharedlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"wpre-relay/schema"
)

const (
	// receivedName is the file in which a capture relay stores the position of the newest entry in its mirror. After a
	// restart it shows whether the broker has lost entries meanwhile.
	receivedName = "received"

	// receivedInterval is how often the file is written, if the position has changed.
	receivedInterval = time.Second

	// reportTimeout bounds reportLoss, for which all clients wait.
	reportTimeout = 10 * time.Second

	// lossPrefix is the start of the ID of a loss notice, and its text.
	lossPrefix = "loss-"
)

// isLossNotice reports whether an entry says that the stream has lost its newest entries before this one. The mirror
// has a gap record for it, so that clients get a gap notice that have not received the lost entries either.
func isLossNotice(entry Entry) bool {
	return strings.HasPrefix(entry.ID, lossPrefix) && string(entry.Text) == lossPrefix
}

// reportLoss makes clients of all relays get a gap notice after the stream has lost its newest entries. It gives the
// stream a new epoch if the engine can. Otherwise it appends a loss notice, unless the stream has a new epoch already.
// Relays that report the same loss append notices with the same ID, of which clients see one. It reports success.
func (j *Joined) reportLoss(ctx context.Context, lost schema.Position) bool {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	engine := j.stream.engine
	var err error
	if replacer, ok := engine.(EpochReplacer); ok {
		err = replacer.ReplaceEpoch(ctx, j.mirror.log.Epoch())
	} else {
		var info StreamInfo
		if info, err = engine.Join(ctx); err == nil && info.Epoch == lost.Epoch {
			err = engine.Append(ctx, lossPrefix+lost.String(), []byte(lossPrefix))
		}
	}
	if err != nil && ctx.Err() == nil {
		j.stream.opts.Logger.Warn("loss not reported to all relays, some clients may get no gap notice", "error", err)
	}
	return err == nil
}

// checkReceived returns ErrStreamReset if the stream has lost entries that this relay had received before it was
// stopped. The next call then returns nil.
func (j *Joined) checkReceived(ctx context.Context) error {
	if j.stream.publisher == nil {
		return nil
	}
	received, _, err := j.receivedFile().load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		j.stream.opts.Logger.Warn("received position is invalid, lost entries go unnoticed", "error", err)
		return nil
	}
	received = received.In(j.mirror.log.Epoch())
	_, gap := j.mirror.log.Resume(received)
	if gap == nil || received.Epoch != j.mirror.log.Epoch() || !j.reportLoss(ctx, received) {
		return nil
	}
	j.forgetReceived()
	return fmt.Errorf("%w: it has lost entries up to %s while the relay was stopped", ErrStreamReset, received)
}

func (j *Joined) receivedFile() positionFile {
	return positionFile{j.stream.opts.FS, filepath.Join(j.stream.publisher.own.Dir(), receivedName)}
}

// forgetReceived deletes the file receivedName after a loss was reported, so that the next Join does not report it
// again.
func (j *Joined) forgetReceived() {
	if j.stream.publisher == nil {
		return
	}
	if err := j.receivedFile().remove(); err != nil {
		j.stream.opts.Logger.Warn("received position not deleted, clients may get another gap notice", "error", err)
	}
}

// saveReceived writes the position of the newest entry to the file receivedName until ctx ends.
func (j *Joined) saveReceived(ctx context.Context) {
	ticker := time.NewTicker(receivedInterval)
	defer ticker.Stop()
	for saved := (schema.Position{}); ; {
		if head := j.mirror.log.Head(); head != saved && head.Tag != "" {
			if err := j.receivedFile().save(head); err != nil {
				j.stream.opts.Logger.Debug("received position not saved", "error", err)
			} else {
				saved = head
			}
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}
