package watcher

import (
	"context"
	"errors"
	"path/filepath"
)

// maxLineOverhead is the maximum size of an outbox line without its event, in bytes.
const maxLineOverhead = 512

// refreshOutbox finds the files of the outbox and of the former ones. It reports when the outbox appears or disappears.
func (l *loop) refreshOutbox() {
	defer l.w.end(l.w.begin(&operation{"list", filepath.Dir(l.w.file)}))
	before := len(l.outbox.files)
	l.switchFolder()
	l.refreshFormer()
	l.outbox.refresh(l.resolvedFile())
	present := len(l.outbox.files) > 0
	if present == (before > 0) {
		return
	}
	l.w.updateStatus(func(s *Status) { s.Outbox = present })
	if present {
		l.logger.Info("outbox found, reading every event from it")
	} else {
		l.logger.Info("outbox not found, reading events from the event file")
	}
}

// readOutbox hands over the new lines of the outbox. held is true while a damaged line waits to be read again. Nothing
// that was written after that line may be handed over before it. The lines of former outboxes come first.
func (l *loop) readOutbox(ctx context.Context) (held bool, err error) {
	defer l.w.end(l.w.begin(&operation{"read outbox in", filepath.Dir(l.w.file)}))
	if err := l.readFormer(ctx); err != nil {
		return false, err
	}
	var failed error
	for line, err := range l.outbox.lines(l.resolvedFile(), l.w.opts.Debounce) {
		if err != nil {
			failed = err
			break
		}
		if err := l.handOver(ctx, Content{Bytes: line, Outbox: true}); err != nil {
			return false, err
		}
	}
	if errors.Is(failed, errDamagedLine) {
		l.retry.Reset(l.w.opts.Debounce)
		return true, nil
	}
	l.reportOutbox(failed)
	return false, nil
}

// outboxBehind reports whether the last read of the outbox may have missed lines.
func (l *loop) outboxBehind() bool { return l.outboxErr != "" || len(l.outbox.files) == 0 || l.remote }

// readNewestLine hands over the newest line of the outbox, if there is one, and marks all lines as read.
func (l *loop) readNewestLine(ctx context.Context) error {
	defer l.w.end(l.w.begin(&operation{"read outbox in", filepath.Dir(l.w.file)}))
	var newest []byte
	for line, err := range l.outbox.lines(l.resolvedFile(), 0) {
		if err == nil {
			newest = append(newest[:0], line...)
		}
	}
	if newest == nil {
		return nil
	}
	return l.handOver(ctx, Content{Bytes: newest, Outbox: true})
}

// reportOutbox logs a change between a readable and an unreadable outbox.
func (l *loop) reportOutbox(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == l.outboxErr {
		return
	}
	l.outboxErr = text
	if err != nil {
		l.logger.Warn("outbox not readable", "error", err)
	} else {
		l.logger.Info("outbox readable")
	}
}
