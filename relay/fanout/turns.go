package fanout

// turns are taken by the clients that catch up, a piece at a time, in the order in which they ask.
type turns chan struct{}

func (t turns) take() { t <- struct{}{} }
func (t turns) give() { <-t }
