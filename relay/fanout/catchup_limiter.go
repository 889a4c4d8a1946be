package fanout

import "time"

const (
	// catchUpPause is the length of a slot's pause, in units of the time that the slot was held. So each slot uses
	// a sixth of a CPU.
	catchUpPause = 5

	// minCatchUpPause is the shortest pause made. Shorter ones are added up.
	minCatchUpPause = time.Millisecond

	// maxCatchUpPause is the longest pause after a batch. A batch takes about a millisecond of CPU time. It takes longer
	// if other programs have the processors or the disk is slow, and a pause in proportion would delay all catch-ups.
	maxCatchUpPause = 20 * time.Millisecond
)

// catchUpLimiter bounds the CPU time that catch-ups take, so that the rest is left for live clients and for
// reading, however many clients catch up. A client acquires a slot for each batch. Slots are granted in the order
// of requests, and a slot rests after its use. A nil limiter does not limit.
type catchUpLimiter chan *catchUpSlot

// catchUpSlot is the right to work on one batch.
type catchUpSlot struct {
	acquired, released time.Time
	pause              time.Duration // due since released
}

func newCatchUpLimiter(slots int) catchUpLimiter {
	l := make(catchUpLimiter, slots)
	for range slots {
		l <- &catchUpSlot{}
	}
	return l
}

// acquire waits for a slot. The caller must release it.
func (l catchUpLimiter) acquire() *catchUpSlot {
	if l == nil {
		return nil
	}
	slot := <-l
	slot.acquired = time.Now()
	slot.pause = max(0, slot.pause-slot.acquired.Sub(slot.released))
	return slot
}

// release returns the slot, after a pause if one is due. It does not wait for that.
func (l catchUpLimiter) release(slot *catchUpSlot) {
	if l == nil {
		return
	}
	slot.released = time.Now()
	slot.pause += min(maxCatchUpPause, catchUpPause*slot.released.Sub(slot.acquired))
	if slot.pause < minCatchUpPause {
		l <- slot
	} else {
		time.AfterFunc(slot.pause, func() { l <- slot })
	}
}
