// Package integration tests the built binary: it writes the event file as PHP does, connects clients, sends signals,
// kills the relay, and runs the commands that the documents show. It contains only tests, which run on Linux.
package integration
