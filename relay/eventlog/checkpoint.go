package eventlog

import (
	"wpre-relay/relay/durable"
	"wpre-relay/schema"
)

const (
	checkpointName = "state.json"

	// checkpointSize is the size of the file, which is padded with spaces. A checkpoint can therefore be overwritten
	// on a full disk, and within one sector.
	checkpointSize = 512

	// reservedSeqs is the number of sequence numbers that a checkpoint reserves. KeepSynced reserves more as soon as
	// half of them are assigned. If no checkpoint can be written then, another 2^31 records can be appended, which takes
	// six hours at 100,000 a second.
	reservedSeqs = 1 << 32

	// earlierSkip is the number of sequence numbers that releases without Reserved skipped.
	earlierSkip = 1 << 20
)

// checkpoint is a file beside the journal. It says which sequence numbers may have been assigned although the
// journal does not hold them; those must not be assigned to other events. It is durable before any of them is assigned.
type checkpoint struct {
	// Next is the position of the next record when the checkpoint was written. Before then, no sequence number from
	// Next on was assigned.
	Next schema.Position `json:"next"`

	// Reserved is the last sequence number that may have been assigned since. After an orderly close it is 0, and none
	// was. Earlier releases did not write it.
	Reserved uint64 `json:"reserved,omitempty"`

	// Counted is the first sequence number after the last one that was skipped. Each number from Counted on names an
	// event, so that the events in a gap can be counted.
	Counted uint64 `json:"counted,omitempty"`

	// Boot and Mount identify what the kernel holds of the journal: see durable.Incarnation. If they have changed since
	// the log was opened, the newest records may be missing on disk. Boot is "" after an orderly close.
	Boot  string `json:"boot,omitempty"`
	Mount string `json:"mount,omitempty"`

	// Open is set until an orderly close. Earlier releases did not write it.
	Open bool `json:"open,omitempty"`

	// Unwritten is set if records were published that could not be written to the journal, or not be synced.
	Unwritten bool `json:"unwritten,omitempty"`

	// Provisional is set until Log.Confirm is called, if Options.Provisional is set and the log is new. No
	// client or publisher knows its records, and the next Open discards them.
	Provisional bool `json:"provisional,omitempty"`
}

// closed reports whether Next is exactly the next position: the log was closed orderly.
func (c checkpoint) closed() bool { return !c.Open && c.Boot == "" && !c.Unwritten }

// uncertain reports whether sequence numbers that the journal does not hold may have been assigned.
func (c checkpoint) uncertain(now durable.Incarnation) bool {
	if c.closed() {
		return false
	}
	return c.Unwritten || c.Boot == "" || c.Boot != now.Boot || c.Open && c.Mount != now.Mount
}

// next returns a position that was never assigned. Last is the newest position in the journal. Skip says that numbers
// that the journal does not hold may have been assigned.
func (c checkpoint) next(last schema.Position, skip bool) schema.Position {
	next := schema.Position{Epoch: c.Next.Epoch, Seq: max(last.Seq+1, c.Next.Seq)}
	switch {
	case skip && c.Open:
		next.Seq = max(next.Seq, c.Reserved+1)
	case skip:
		next.Seq += earlierSkip
	}
	return next
}
