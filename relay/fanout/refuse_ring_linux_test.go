package fanout

// RefuseRings makes the shards send without io_uring, as in a container that forbids it.
func (c *Clients) RefuseRings() {
	for _, s := range c.shards {
		s.owned(func() { s.sender.refused = true })
	}
}
