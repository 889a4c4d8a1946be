// Package simulation has no code: its tests run the relay in a simulated environment. Everything of the environment
// comes from one random seed: what is written and when, which clients connect, what they read, which disk calls fail,
// when the process is killed or the power is cut. The code of the relay is the real one, from the watcher to the
// clients' sockets.
//
// Virtual time is that of testing/synctest. Journal and sockets are in memory (relay/durable/durabletest, connection).
// The event file is a real file; its notifications are simulated (notifications), because a goroutine that waits for
// inotify would stop the clock.
//
// The seed does not fix the scheduling of goroutines. The tests do not cover reads of the event file during a write,
// epoll, TCP and TLS; other tests run those for real.
package simulation
