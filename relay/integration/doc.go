// Package integration tests the built binary: it writes the event file as PHP does, connects clients, sends signals,
// kills the relay, and runs the commands that the documents show. It has no code of its own outside of its tests. The
// tests run on Linux.
package integration
