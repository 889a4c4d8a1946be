package watcher

import (
	"context"
	"errors"
)

// maxStamp bounds what a line of the outbox holds beside the event, in bytes.
const maxStamp = 512

// findOutbox looks which files the outbox consists of.
func (l *loop) findOutbox() {
	before := len(l.outbox.tails)
	l.outbox.find(l.w.file)
	there := len(l.outbox.tails) > 0
	if there == (before > 0) {
		return
	}
	l.w.update(func(s *Status) { s.Outbox = there })
	if there {
		l.logger.Info("following the outbox of the companion in WordPress, which holds every event")
	} else {
		l.logger.Info("the outbox is not there any more; events are taken from the event file")
	}
}

// follow hands over the lines of the outbox that have come. held is true while one of them is waited for: nothing that
// comes after it may be handed over.
func (l *loop) follow(ctx context.Context) (held bool, err error) {
	var failed error
	for line, err := range l.outbox.lines(l.w.file, l.w.opts.Debounce) {
		if err != nil {
			failed = err
			break
		}
		if err := l.handle(ctx, Content{Bytes: line, Outbox: true}); err != nil {
			return false, err
		}
	}
	if errors.Is(failed, errDoubtful) {
		l.again.Reset(l.w.opts.Debounce)
		return true, nil
	}
	l.noteOutbox(failed)
	return false, nil
}

// followNewest hands over the newest line of the outbox, if there is one, as if the others had been handed over before.
func (l *loop) followNewest(ctx context.Context) error {
	var newest []byte
	for line, err := range l.outbox.lines(l.w.file, 0) {
		if err == nil {
			newest = append(newest[:0], line...)
		}
	}
	if newest == nil {
		return nil
	}
	return l.handle(ctx, Content{Bytes: newest, Outbox: true})
}

// noteOutbox says once why the outbox cannot be read.
func (l *loop) noteOutbox(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == l.outboxErr {
		return
	}
	l.outboxErr = text
	if err != nil {
		l.logger.Warn("the outbox cannot be read; events are taken from the event file alone", "error", err)
	} else {
		l.logger.Info("the outbox can be read")
	}
}
