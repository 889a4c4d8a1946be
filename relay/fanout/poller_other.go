//go:build !linux

package fanout

// poller is for Linux, which has epoll. Here it takes no client, so a goroutine reads from each.
type poller struct{}

func newPoller() *poller                              { return nil }
func (p *poller) add(*client) bool                    { return false }
func (p *poller) remove(*client)                      {}
func (p *poller) run()                                {}
func (p *poller) awaitWritable(*client) (bool, error) { return false, nil }
func (p *poller) close()                              {}
