package fanout

import (
	"log/slog"
	"runtime"
	"time"

	"wpre-relay/relay/budget"
)

// DefaultBuffers is the default of Options.Buffers, in bytes. Together with the records in memory (64 MiB) it bounds
// the events that are held for clients.
const DefaultBuffers = 16 << 20

// Options for New. The zero value works.
type Options struct {
	// PeerMessages sends each client's messages to all other live clients of plain WebSocket, as "Broadcast: …".
	// Peer messages are not kept, so a lagging client misses them. Default: messages are read and dropped.
	PeerMessages bool

	// MaxMessage bounds a client's message, in bytes. A larger one closes the client with 1009. Default 4096.
	MaxMessage int

	// MessageRate bounds the frames that a client sends in a second, including pings and fragments. The bytes of a
	// second are bounded by sixteen times MaxMessage. Beyond either, the client is closed with 1008 and no longer
	// read. Default 100.
	MessageRate int

	// PingInterval is the time between two pings of a client. A client that sends nothing for a whole interval
	// after a ping is cut off. Default 25 s. It is rounded down to a second.
	PingInterval time.Duration

	// OnDelivered is called with the time from the writing of an event until the last live client's socket had it.
	// Arrivals, see HerdJoins, do not count. It is not called for events whose time of writing is
	// unknown. It must not block: clients wait for it.
	// Default: not called.
	OnDelivered func(time.Duration)

	// HerdJoins is the number of clients that join a shard within 100 ms for which the last one and the next ones are a
	// herd. A herd is over half a second after the last time that as many have joined. Its clients are arrivals until
	// then, for at most 10 s each: they get new events together, 0.1 to 1 s after the last ones. Default 50.
	HerdJoins int

	// Buffers bounds the memory that clients hold while they wait for their sockets. Default: DefaultBuffers bytes.
	Buffers *budget.Budget

	// Shards is the number of goroutines that write. Default: GOMAXPROCS.
	Shards int

	// Logger gets a line for each client that leaves, at debug level. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxMessage <= 0 {
		o.MaxMessage = 4096
	}
	if o.MessageRate <= 0 {
		o.MessageRate = 100
	}
	if o.PingInterval < time.Second {
		o.PingInterval = 25 * time.Second
	}
	if o.OnDelivered == nil {
		o.OnDelivered = func(time.Duration) {}
	}
	if o.HerdJoins <= 0 {
		o.HerdJoins = defaultHerdJoins
	}
	if o.Buffers == nil {
		o.Buffers = budget.New(DefaultBuffers)
	}
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
