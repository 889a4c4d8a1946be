package bench

import "time"

// churn has visitors come and go, each of which stays for a second.
type churn struct {
	set      *clientSet
	first    int           // the visitors are the clients from here on; as many as come in a second
	next     int           // the visitor that comes next; it leaves first if it is there
	interval time.Duration // 0: none comes
	due      time.Duration // when the next one comes
}

func newChurn(s *clientSet, first, perSecond int) churn {
	c := churn{set: s, first: first}
	if perSecond > 0 {
		c.interval = time.Second / time.Duration(perSecond)
	}
	return c
}

// turn has those come and go whose time it is, and returns when it wants to be called again, at the latest.
func (c *churn) step(now, latest time.Duration) (time.Duration, error) {
	if c.interval == 0 {
		return latest, nil
	}
	c.due = max(c.due, now-time.Second) // who was late by more than a turn of all visitors does not come at all
	for ; c.due <= now; c.due += c.interval {
		i := c.first + c.next
		c.next = (c.next + 1) % (len(c.set.clients) - c.first)
		c.set.disconnect(&c.set.clients[i])
		if err := c.set.open(i, transient); err != nil {
			return 0, err
		}
	}
	return min(latest, c.due), nil
}
