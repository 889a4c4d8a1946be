// Package sharedlog keeps the logs of several relays equal, over an engine that numbers and keeps what they append: a
// stream of Redis, NATS, Kafka or RabbitMQ. It builds no cluster of its own: relays know nothing of each other, and what the
// engine loses is lost.
//
// Each relay has a mirror of the stream's end in memory, from which it serves its clients. One that captures events has a
// log of its own beside it, on its disk, and publishes what comes into that; until the engine has taken it, it waits there.
package sharedlog

import (
	"context"
	"errors"
)

// ErrRenewed is returned when the stream is not the one that it was: it was deleted, or what was at its end is lost.
var ErrRenewed = errors.New("the stream was begun anew")

// ErrTooLarge is returned by Append for a text that the engine takes none so large of. It never will.
var ErrTooLarge = errors.New("the broker takes no event so large")

// Entry is an event in the stream.
type Entry struct {
	Seq  uint64 // from 1, each one more than that of the entry before
	ID   string // what tells the event from others; two entries with one ID are one event
	Text []byte // a schema.Line
}

// Extent is what a stream holds.
type Extent struct {
	Epoch string // new whenever numbers begin anew; as in schema.Position
	First uint64 // number of the oldest entry, or of the one to come if there is none
	Last  uint64 // number of the newest entry, First-1 if there is none
}

// Engine is a stream that relays share. Its methods may be called at the same time. An error of theirs is for the time
// being, as a rule: they are called again.
type Engine interface {
	// Join makes the stream if there is none, and returns what it holds.
	Join(ctx context.Context) (Extent, error)

	// Read gives the entries after a number, in order, and then those that come, without delay. It returns when ctx ends,
	// or soon after the engine cannot be reached any more. Entries that the engine keeps no longer it passes over.
	Read(ctx context.Context, after uint64, take func([]Entry) error) error

	// Append adds an entry, whose number the engine gives, and returns once that will keep it. Where the engine can tell,
	// an entry with an ID that it has seen lately is not added, which is no error.
	Append(ctx context.Context, id string, text []byte) error

	// Close ends what connects to the engine. No method may be called any more.
	Close() error
}

// Renewer is an Engine that can give a stream whose end was lost a new epoch, so that positions in that are not taken for
// others.
type Renewer interface {
	// Renew gives the stream a new epoch if it has this one.
	Renew(ctx context.Context, epoch string) error
}
