package cli

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"wpre-relay/relay/config"
)

// minEvent is the size of an event without a title, in bytes, if its number has ten digits.
const minEvent = 154

// Bench are the settings of the load client.
type Bench struct {
	URL      *url.URL      `group:"server" placeholder:"URL" help:"Server to load, as ws://localhost:8080/ (default: a relay of its own, for the time)."`
	Write    string        `group:"server" placeholder:"FILE" help:"The event file that this server watches; bench rewrites it. Without it, bench counts the events that others write."`
	PID      int           `group:"server" name:"pid" placeholder:"N" help:"Process of this server, here, whose CPU time and memory to measure (default: not measured)."`
	Duration time.Duration `group:"server" placeholder:"TIME" default:"10s" help:"For how long to count what others write (default: ${default})."`

	Clients int           `group:"load" placeholder:"N" default:"1000" help:"How many connect (default: ${default})."`
	Stalled int           `group:"load" placeholder:"N" default:"0" help:"How many of them never read; no delivery to them is counted (default: ${default})."`
	Churn   int           `group:"load" placeholder:"N" default:"0" help:"How many more come each second while events are sent, and go a second later; no delivery to them is counted (default: ${default})."`
	Settle  time.Duration `group:"load" placeholder:"TIME" default:"2s" help:"Pause after connecting, before idle memory is read (default: ${default})."`
	Events  int           `group:"load" placeholder:"N" default:"100" help:"How many are written (default: ${default})."`
	Every   time.Duration `group:"load" placeholder:"TIME" default:"50ms" help:"Least time between two; an event also waits until all clients have got the last one, for 5s at most (default: ${default})."`
	NoWait  bool          `group:"load" help:"Do not wait for clients, even if that overwrites events: measures capture."`
	Size    config.Size   `group:"load" placeholder:"SIZE" default:"160" help:"Size of an event, in bytes, KiB or MiB, at least 154 bytes (default: ${default})."`

	JSON bool `group:"result" name:"json" help:"Print one JSON object in place of the table."`
}

// Validate refuses what cannot be meant.
func (b *Bench) Validate() error {
	switch {
	case b.URL == nil && (b.Write != "" || b.PID != 0):
		return errors.New("--write and --pid say more about the server at --url, which is missing; a relay of bench's own needs neither")
	case b.URL != nil && b.URL.Scheme == "wss":
		return errors.New("--url: bench speaks no TLS; give the ws:// address of the server itself, behind the proxy")
	case b.URL != nil && (b.URL.Scheme != "ws" || b.URL.Hostname() == ""):
		return errors.New("--url must be of the form ws://host:port/path")
	case b.Clients < 1 || b.Events < 1:
		return errors.New("--clients and --events must be at least 1")
	case b.Stalled < 0 || b.Stalled > b.Clients:
		return errors.New("--stalled must be between 0 and --clients")
	case b.Churn < 0 || b.PID < 0:
		return errors.New("--churn and --pid must not be negative")
	case b.Every < 0 || b.Settle < 0 || b.Duration < 0:
		return errors.New("a time must not be negative")
	case b.Size < minEvent:
		return fmt.Errorf("--size must be at least %d: so long is an event without a title", minEvent)
	}
	return nil
}
