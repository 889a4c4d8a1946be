package fanout

import (
	"net/netip"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// Range is the records of a log after number After, up to number Until. Until is at least After.
type Range struct{ After, Until uint64 }

// ClientConfig configures one client. The zero value is a client of plain WebSocket that gets all events of the log.
type ClientConfig struct {
	// Format is the encoding of events. Default: Plain.
	Format Format

	// View selects the events that the client gets, from the log and from Replay. Default: all.
	View View

	// Expires is the time at which the client is closed with CloseExpired, within a second. Default: never.
	Expires time.Time

	// Subprotocol is selected in the WebSocket handshake if the client offers it. It is ignored if Format is
	// Enveloped, which has a subprotocol. Default: none.
	Subprotocol string

	// Welcome is the first text message, for a client of plain WebSocket. Default: none.
	Welcome string

	// Replay is a part of the log that the client gets before the records after Position. It must not be combined with
	// Gap or SendPosition. Default: none.
	Replay *Range

	// Position is the client's start: it gets the records of the log after it. SendPosition sends it to a client of
	// a format with positions.
	Position     schema.Position
	SendPosition bool

	// Gap is sent before anything from the log to a client of a format with positions. Default: none.
	Gap *eventlog.Gap

	// Network is the client's network, whose clients share a part of Options.Buffers. Default: one that all clients
	// without a network share.
	Network netip.Prefix

	// Site is the site whose page the client is on, for List. Default: unknown.
	Site string

	// OnDisconnect is called exactly once if AcceptWebSocket or AcceptSSE returns nil, possibly before it returns,
	// and never if it returns an error. It must not block: other clients wait for it. Default: not called.
	OnDisconnect func(Disconnect)

	// OnMessage is called with each message from the client, which is valid UTF-8. It must not block, and must not
	// keep text. Default: messages are dropped.
	OnMessage func(text []byte)
}

// initial appends to dst what the client gets before anything from the log.
func (cfg *ClientConfig) initial(dst []byte) []byte {
	if cfg.Welcome != "" && !cfg.Format.positions() {
		dst = appendTextFrame(dst, []byte(cfg.Welcome))
	}
	if cfg.Gap != nil {
		dst = cfg.Format.appendGap(dst, *cfg.Gap)
	}
	if cfg.SendPosition {
		dst = cfg.Format.appendPosition(dst, cfg.Position)
	}
	return dst
}

// begin returns the number of the newest record that the client has before it gets anything.
func (cfg *ClientConfig) begin() uint64 {
	if cfg.Replay != nil {
		return cfg.Replay.After
	}
	return cfg.Position.Seq
}

func (cfg *ClientConfig) audience() audience { return audience{cfg.Format, cfg.View} }
