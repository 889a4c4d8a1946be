// Package relay decides which contents of the event file and of the outbox are new events, and appends these to the
// log.
//
// An event takes this way, from the file to the clients:
//
//	event file / outbox
//	   │  package watcher reads the file on every notification
//	   ▼
//	Relay.Ingest, IngestLine, Publish      ingest.go
//	   │  schema.Decode checks the document
//	   │  dedup drops repeated events      dedup.go
//	   │  every change gets a Decision     decision.go
//	   ▼
//	queue                                  append.go
//	   │  Relay.Run appends in batches; an event that no other one waits before may bypass the queue
//	   ▼
//	eventlog.Log                           package eventlog: order, journal, ring
//	   ▼
//	clients                                package fanout, behind package server
//
// Ingest never waits for a client, and leaves the journal to Run, so that the watcher can soon read the file again:
// while it does not read, events are overwritten. The exception is a single event on a fast disk with few clients:
// Ingest appends it, since waking another thread for that takes longer than the append. If the disk is slower than the
// writers, the queue fills up and Ingest blocks.
//
// The package knows neither the source of contents nor the clients. It reads no files and speaks no HTTP.
package relay
