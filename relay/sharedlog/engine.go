// Package sharedlog keeps the logs of several relays equal. It uses a stream of a broker (Redis, NATS, Kafka or
// RabbitMQ), which numbers and keeps the events that relays append.
//
// Each relay serves its clients from a mirror, an in-memory copy of the stream's end. A capture relay also has a
// log on its disk. It publishes the events in that log, and an event stays there until the broker has acknowledged
// it.
//
// The package builds no cluster: relays do not know each other. It does not replicate or restore events that the
// broker loses, but clients get a gap notice: positions have a tag of the entry, and a relay that finds a loss
// appends a loss notice.
package sharedlog

import (
	"context"
	"errors"
)

// ErrStreamReset is returned if the stream was deleted or replaced, or has lost its newest entries. Positions in
// the former stream are then invalid.
var ErrStreamReset = errors.New("the broker's stream was reset")

// ErrTooLarge is returned by Append for an entry that exceeds the broker's size limit. A retry fails in the same way.
var ErrTooLarge = errors.New("event exceeds the broker's size limit")

// Entry is an event in the stream.
type Entry struct {
	Seq  uint64 // from 1, each one more than that of the entry before
	ID   string // identifies the event; two entries with the same ID are the same event
	Text []byte // a schema.Line
}

// StreamInfo describes the contents of a stream.
type StreamInfo struct {
	Epoch string // changes whenever numbering restarts; part of schema.Position
	First uint64 // number of the oldest entry; Last+1 if the stream is empty
	Last  uint64 // number of the newest entry; First-1 if the stream is empty
}

// Engine is a client of a broker's stream. Its methods may be called concurrently. The caller retries after any error
// except ErrStreamReset and ErrTooLarge.
type Engine interface {
	// Join creates the stream if it does not exist, and returns its contents.
	Join(ctx context.Context) (StreamInfo, error)

	// Read calls take with the entries that follow sequence number after, in order, and then with new entries as
	// soon as they arrive. It skips entries that the broker no longer keeps. It returns when ctx ends, when take
	// returns an error, or soon after the broker becomes unreachable.
	//
	// If another program can delete the newest entries, so that the stream holds none up to StreamInfo.Last, Read
	// calls take without entries while there are no more.
	Read(ctx context.Context, after uint64, take func([]Entry) error) error

	// Append appends an entry, which the broker numbers, and returns when the broker has acknowledged it. If the
	// broker detects duplicates and has recently seen the ID, Append adds nothing and returns nil.
	Append(ctx context.Context, id string, text []byte) error

	// Close closes all connections. No method may be called after Close.
	Close() error
}

// EpochReplacer is an Engine that can give a stream a new epoch, after the stream has lost its newest entries. All
// clients then get a gap notice. For other engines, a relay appends a loss notice instead.
type EpochReplacer interface {
	// ReplaceEpoch gives the stream a new epoch if its current epoch is old.
	ReplaceEpoch(ctx context.Context, old string) error
}
