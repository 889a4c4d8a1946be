package eventlog

// health is the state of a journal. Operators ask for it, so it must be known while the disk does not respond.
type health struct {
	err   error       // see Log.JournalError
	state StateStatus // see Log.StateStatus
}

// health returns the state of the journal. It never blocks: while a write is in progress, it returns the state before.
func (j *journal) health() health {
	if !j.mu.TryLock() {
		if known := j.known.Load(); known != nil {
			return *known
		}
		return health{}
	}
	defer j.mu.Unlock()
	now := health{j.writeErr, j.state}
	if now.err == nil {
		now.err = j.state.Problem
	}
	j.known.Store(&now)
	return now
}

// JournalError returns why the journal does not hold all records at the moment, or nil if it does. It never blocks.
func (l *Log) JournalError() error { return l.journal.health().err }

// StateStatus returns the state of the files on disk, as far as KeepSynced has checked it. It never blocks.
func (l *Log) StateStatus() StateStatus { return l.journal.health().state }
