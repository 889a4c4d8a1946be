package eventlog

import (
	"time"

	"wpre-relay/schema"
)

// store is what keeps the records beyond memory, and across restarts: a journal, or nothing.
type store interface {
	append(recs []*Record)
	read(recs []*Record, seq uint64, limit time.Time) ([]*Record, error)
	first(seq uint64, limit time.Time) (n uint64, ok bool)
	newest(n int) (seq uint64, ok bool)
	new() bool
	folder() string
	err() error
	sync()
	close(next schema.Position) error
}

// Mirror returns a log in memory alone of records that are numbered, and kept, elsewhere: of those that come after a
// position there. Put adds them; Append must not be called. MemoryRecords is as Records, unless it is less.
func Mirror(after schema.Position, opts Options) *Log {
	if opts.MemoryRecords <= 0 {
		opts.MemoryRecords = opts.Records
	}
	return newLog(nothing{}, schema.Position{Epoch: after.Epoch, Seq: after.Seq + 1}, opts.withDefaults())
}

// Put adds records to a mirror, in their order, and wakes all who wait for more. A record whose number is not beyond the
// head is passed over; numbers that are missing are lost to clients, who are told so.
func (l *Log) Put(recs ...*Record) {
	l.appending.Lock()
	defer l.appending.Unlock()
	for len(recs) > 0 && recs[0].Position.Seq < l.next {
		recs = recs[1:]
	}
	if len(recs) == 0 {
		return
	}
	l.next = recs[len(recs)-1].Position.Seq + 1
	l.publish(recs)
}

// nothing keeps nothing.
type nothing struct{}

func (nothing) append([]*Record)                                              {}
func (nothing) read(recs []*Record, _ uint64, _ time.Time) ([]*Record, error) { return recs, nil }
func (nothing) first(uint64, time.Time) (uint64, bool)                        { return 0, false }
func (nothing) newest(int) (uint64, bool)                                     { return 0, false }
func (nothing) new() bool                                                     { return false }
func (nothing) folder() string                                                { return "" }
func (nothing) err() error                                                    { return nil }
func (nothing) sync()                                                         {}
func (nothing) close(schema.Position) error                                   { return nil }
