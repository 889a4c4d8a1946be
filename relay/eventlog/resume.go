package eventlog

import "wpre-relay/schema"

// Resume returns the position at which a client with position p continues. If records between the two are lost for
// the client, it returns the gap. The client continues at Start if p is in another log, or if the record there is not
// the one that p names: the origin of a mirror has then lost its newest records, and given their numbers to others.
func (r *Reader) Resume(p schema.Position) (schema.Position, *Gap) {
	p = p.In(r.epoch)
	head := r.Head()
	switch {
	case p.Epoch == r.epoch && p.Seq > head.Seq:
		return head, &Gap{Since: p, Until: head, Uncounted: true}
	case p.Epoch == r.epoch && r.confirms(p):
		return p, nil
	}
	start := r.Start()
	start.Tag = "" // the gap ends there, so that the records up to start do not matter any more
	return start, &Gap{Since: p, Until: start, Uncounted: true}
}

// Gap returns the gap between two positions in this log, for a client that sees all events or, if filtered is
// set, some.
func (r *Reader) Gap(since, until schema.Position, filtered bool) Gap {
	return Gap{Since: since, Until: until, Uncounted: filtered || since.Seq+1 < r.counted}
}

// confirms reports whether the record at p has the tag of p. It does so, too, if p has no tag, as in a log without
// tags and in releases without tags, and if a gap follows p anyway. It does not if the record is unknown.
func (r *Reader) confirms(p schema.Position) bool {
	if p.Tag == "" {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.Seq < r.ring.before.Seq || r.position(p.Seq) == p
}

// At returns the position with sequence number seq.
func (r *Reader) At(seq uint64) schema.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position(seq)
}

// position returns the position with sequence number seq. Its tag is that of the newest known record up to seq, or ""
// if there is none. The caller holds r.mu.
func (r *Reader) position(seq uint64) schema.Position {
	at := schema.Position{Epoch: r.epoch, Seq: seq}
	if i := r.ring.indexAfter(seq); i > 0 {
		at.Tag = r.ring.at(i - 1).Position.Tag
	} else if seq >= r.ring.before.Seq {
		at.Tag = r.ring.before.Tag
	}
	return at
}
