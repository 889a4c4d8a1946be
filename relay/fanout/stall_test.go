package fanout

import "wpre-relay/relay/testwait"

// In many tests, a client reads nothing until others have got all events. On a slow machine, that takes longer than the
// usual stallTimeout.
func init() { stallTimeout = 10 * testwait.Limit }
