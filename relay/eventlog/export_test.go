package eventlog

import (
	"time"

	"wpre-relay/schema"
)

// AppendToJournal is the part of Append before the record is visible.
func (l *Log) AppendToJournal(ev schema.Event) {
	at := schema.Position{Epoch: l.epoch, Seq: l.next}
	l.journal.append([]*Record{NewRecord(at, time.Now().UTC().Truncate(time.Microsecond), ev)})
}

// Tick does what KeepSynced does once a second.
func (l *Log) Tick() {
	l.checkState()
	l.repair()
	l.journal.sync()
}
