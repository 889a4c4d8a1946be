package relay

import (
	"time"

	"wpre-relay/schema"
)

// dedup tells new events from relayed ones. It remembers as many events as the log holds, and of each outbox the
// newest line. Events come from two sources, the event file and the outbox, and the companion writes each event to
// both.
type dedup struct {
	newest     schema.Event // the newest relayed event
	newestTime time.Time    // when it was written; for an event from before the start, when it was appended

	seen map[schema.ID]seenEvent // the events in ring
	ring []schema.ID             // the newest events; at full size, the next one replaces ring[next]
	next int
	size int // maximum length of ring

	started time.Time // when the relay started

	// newestLine has, by the epoch of an outbox, the position of the line that was added last, and the latest time
	// of all its lines. The two can belong to different lines: clocks are set back, and the clocks of hosts differ.
	newestLine map[string]schema.Stamp

	skipped schema.Event // the event of the outdated line that was skipped last
}

// seenEvent describes the relayed events with one ID.
type seenEvent struct {
	count    int  // how often the ID is in the ring
	inOutbox bool // a line of the outbox had this event
}

func newDedup(size int, started time.Time) dedup {
	return dedup{
		size:       size,
		started:    started,
		seen:       make(map[schema.ID]seenEvent),
		newestLine: make(map[string]schema.Stamp),
	}
}

// isDuplicate reports whether ev was relayed: it equals the newest event, or an earlier one and its timestamp is
// older than the newest event's, as after a restored backup. An event that equals an earlier one of the same second
// is new: a post can be changed and changed back within a second (A-B-A).
func (d *dedup) isDuplicate(ev schema.Event) bool {
	if ev.ID == d.newest.ID {
		return true
	}
	return ev.Before(d.newest) && d.seen[ev.ID].count > 0
}

// inOutbox reports whether a line of the outbox had ev. The companion writes each event to the outbox before it
// lets the plugin write the event file.
func (d *dedup) inOutbox(ev schema.Event) bool { return d.seen[ev.ID].inOutbox }

// matchFileEvent reports whether ev, which comes from the outbox, was relayed from the event file before: while the
// outbox could not be read, or by a relay that did not know the outbox. It returns true once for each such event.
func (d *dedup) matchFileEvent(ev schema.Event) bool {
	s := d.seen[ev.ID]
	if s.count == 0 || s.inOutbox {
		return false
	}
	d.seen[ev.ID] = seenEvent{count: s.count, inOutbox: true}
	return true
}

// lineSeen reports whether the outbox line with this stamp was added before. A sequence number that is not new, in
// a line that is later than all others, is a new line: its number was used before the outbox was restored from a
// backup.
func (d *dedup) lineSeen(line schema.Stamp) bool {
	newest, ok := d.newestLine[line.Position.Epoch]
	return ok && line.Position.Seq <= newest.Position.Seq && !line.Time.After(newest.Time)
}

// lineOutdated reports whether a line is older than the newest event and than the relay's start, and belongs to an
// unknown outbox. Its event was relayed then, from the event file or from another outbox. A line from after the start
// may be older than the newest event: after a deployment, two outboxes grow at the same time. If the clocks of the
// hosts differ, it can be wrong; see adoptSkipped.
func (d *dedup) lineOutdated(line schema.Stamp) bool {
	_, known := d.newestLine[line.Position.Epoch]
	return !known && !line.Time.After(d.newestTime) && line.Time.Before(d.started)
}

// adoptSkipped returns the stamp of the skipped line if the event file now holds the same event. The line's outbox
// is then the current one, whatever the clocks say, and the lines after it are new. Otherwise it returns the zero
// stamp.
func (d *dedup) adoptSkipped(ev schema.Event) schema.Stamp {
	line := d.skipped.From
	if ev.ID != d.skipped.ID || !d.lineOutdated(line) {
		return schema.Stamp{}
	}
	d.addLine(line)
	d.matchFileEvent(ev)
	return line
}

// addLine makes a line the newest one of its epoch. It returns the number of missing lines before it, which were
// deleted before the relay read them.
func (d *dedup) addLine(line schema.Stamp) (missing uint64) {
	newest, ok := d.newestLine[line.Position.Epoch]
	latest := line
	if newest.Time.After(line.Time) {
		latest.Time = newest.Time
	}
	d.newestLine[line.Position.Epoch] = latest
	if !ok || line.Position.Seq <= newest.Position.Seq {
		return 0
	}
	return line.Position.Seq - newest.Position.Seq - 1
}

// add makes ev, which was written at this time, the newest event.
func (d *dedup) add(ev schema.Event, written time.Time) {
	fromOutbox := ev.From != (schema.Stamp{})
	d.newest, d.newestTime = ev, written
	if fromOutbox {
		d.newestTime = ev.From.Time
	}
	s := d.seen[ev.ID]
	d.seen[ev.ID] = seenEvent{count: s.count + 1, inOutbox: s.inOutbox || fromOutbox}
	if len(d.ring) < d.size {
		d.ring = append(d.ring, ev.ID)
		return
	}
	oldest := &d.ring[d.next]
	if s := d.seen[*oldest]; s.count > 1 {
		d.seen[*oldest] = seenEvent{count: s.count - 1, inOutbox: s.inOutbox}
	} else {
		delete(d.seen, *oldest)
	}
	*oldest = ev.ID
	d.next = (d.next + 1) % d.size
}
