package fanout

import (
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// ClientConfig says what one client gets. The zero value is a client of plain WebSocket that gets every event of the log.
type ClientConfig struct {
	// Format is how events are sent.
	Format Format

	// View selects the events that the client gets, also of Replay. Default nil: all.
	View View

	// Expires is when the client is closed with CloseExpired, to a second. Default: never.
	Expires time.Time

	// Subprotocol is agreed on in the WebSocket handshake if the client offers it and Format has none of its own. Default:
	// none.
	Subprotocol string

	// Welcome is a text message that a client of plain WebSocket gets first. Default: none.
	Welcome string

	// Replay is sent before anything from the log. The caller must see to it that none of it comes after Position, or the
	// client gets that twice.
	Replay []*eventlog.Record

	// Position is where the client begins: it gets the records of the log after this one. SendPosition sends it to a client
	// of a format with positions.
	Position     schema.Position
	SendPosition bool

	// Gap is sent to a client of a format with positions before anything from the log. Default nil: no gap.
	Gap *eventlog.Gap

	// OnDisconnect is called once for a client that was connected: if and only if AcceptWebSocket or AcceptSSE returns nil,
	// maybe before it returns. It must not wait. Default: not called.
	OnDisconnect func(Disconnect)

	// OnMessage is called with each message from the client, on the goroutine that reads. It must neither wait nor keep
	// text. Default nil: messages are dropped.
	OnMessage func(text []byte)
}

// initial appends what the client gets before anything from the log.
func (cfg *ClientConfig) initial(dst []byte) []byte {
	if cfg.Welcome != "" && !cfg.Format.positions() {
		dst = appendTextFrame(dst, []byte(cfg.Welcome))
	}
	for _, rec := range cfg.Replay {
		if cfg.View == nil || cfg.View.Sees(rec) {
			dst = cfg.Format.appendRecord(dst, rec)
		}
	}
	if cfg.Gap != nil {
		dst = cfg.Format.appendGap(dst, *cfg.Gap)
	}
	if cfg.SendPosition {
		dst = cfg.Format.appendPosition(dst, cfg.Position)
	}
	return dst
}
