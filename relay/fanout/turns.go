package fanout

import "time"

const (
	// restPerWork is how long nobody catches up, for each moment that somebody does.
	restPerWork = 5

	// leastRest is the least time worth a pause.
	leastRest = time.Millisecond
)

// turns are taken by the clients that have much to catch up with, a piece at a time, in the order in which they ask.
// Between them are pauses, so that however many catch up, processors are left for those that are caught up, and for
// whoever reads. Nil turns are not waited for.
type turns chan *turn

// turn is the right to work for a moment.
type turn struct {
	began, ended time.Time
	owed         time.Duration // rest that is due since ended
}

func newTurns(n int) turns {
	t := make(turns, n)
	for range n {
		t <- &turn{}
	}
	return t
}

// take waits for a turn.
func (t turns) take() *turn {
	if t == nil {
		return nil
	}
	turn := <-t
	turn.began = time.Now()
	turn.owed = max(0, turn.owed-turn.began.Sub(turn.ended))
	return turn
}

// give lets another have the turn, maybe after a pause.
func (t turns) give(turn *turn) {
	if t == nil {
		return
	}
	turn.ended = time.Now()
	turn.owed += restPerWork * turn.ended.Sub(turn.began)
	if turn.owed < leastRest {
		t <- turn
	} else {
		time.AfterFunc(turn.owed, func() { t <- turn })
	}
}
