package bench

import "time"

// churn connects transient clients at a constant rate and disconnects each of them after a second.
type churn struct {
	set      *clientSet
	first    int           // index of the first transient client; the last one is the last client of the set
	next     int           // offset from first of the client to connect next; it disconnects first if it is connected
	interval time.Duration // between two connections; 0 if there are no transient clients
	due      time.Duration // time of the next connection
}

// newChurn returns a churn of perSecond clients, which are the clients of s from index first on.
func newChurn(s *clientSet, first, perSecond int) churn {
	c := churn{set: s, first: first}
	if perSecond > 0 {
		c.interval = time.Second / time.Duration(perSecond)
	}
	return c
}

// step connects the clients that are due and disconnects those whose second is over. It returns the time of the next
// call, which is at most latest.
func (c *churn) step(now, latest time.Duration) (time.Duration, error) {
	if c.interval == 0 {
		return latest, nil
	}
	c.due = max(c.due, now-time.Second) // connections that are late by more than a second are skipped
	for ; c.due <= now; c.due += c.interval {
		i := int32(c.first + c.next)
		c.next = (c.next + 1) % (len(c.set.clients) - c.first)
		c.set.disconnect(i)
		if err := c.set.open(i, transient); err != nil {
			return 0, err
		}
	}
	return min(latest, c.due), nil
}
