package eventlog

// Tick does what KeepSynced does once a second.
func (l *Log) Tick() {
	l.checkState()
	l.repair()
	l.journal.sync()
}
