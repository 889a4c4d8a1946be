// Package simulation has no code: its tests run the relay in a simulated environment. One random seed determines it:
// the writes and their times, the clients and their reads, the disk calls that fail, and when the process is killed or
// the power is cut. The code of the relay is the real one, from the watcher to the clients' sockets.
//
// Package testing/synctest provides virtual time. Journal and sockets are in memory (relay/durable/durabletest,
// connection). The event file is a real file; its notifications are simulated (notifications), because a goroutine that
// waits for inotify would stop the clock.
//
// The seed does not fix the scheduling of goroutines. The tests do not cover reads of the event file during a write,
// the outbox, the content of /history, brokers, the admin listener, epoll, io_uring, TCP and TLS. Sockets in memory
// take the path of blocking writes.
package simulation
