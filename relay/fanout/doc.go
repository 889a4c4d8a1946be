// Package fanout delivers the records of a log to clients over WebSocket (RFC 6455) and Server-Sent Events (HTML
// standard §9.2).
//
// A client is a connection and a position in the log. It has no queue and, while it is live, no goroutine. Each
// client belongs to one of a few shards. A shard's goroutine reads the new records, encodes them once for each
// audience, and writes the bytes to the sockets of its live clients without blocking.
//
// A client lags if its socket is full or if it starts before the head. A temporary goroutine then reads the log and
// writes at the client's speed, until the client is live or the log no longer keeps the next record. So a slow
// client delays no other client. It costs a goroutine, but no memory for events. A limiter leaves CPU time for live
// clients however many clients catch up.
//
// If many clients connect at once, they are arrivals until that is over. They get new events together, a few clients at
// a time, and between that the settled clients get theirs. So these do not wait for thousands of writes to clients that
// have just connected, and handshakes have the CPU time.
//
// On Linux, a client without TLS is a socket that is taken over from package net. One goroutine per shard reads from
// all its clients by epoll. The shard sends to many clients by one system call where the kernel allows io_uring, else
// by one for each. On other systems and behind the PROXY protocol, each client has a goroutine that reads, and a
// temporary goroutine makes every write.
//
// The WebSocket library makes the handshake only. Frames are built here, because all clients of an audience get the
// same bytes, and because a connection of the library takes ten times the memory of a client.
//
// The package admits every client that it is given, and it stores nothing: admission belongs to the caller and
// history to the log.
package fanout
