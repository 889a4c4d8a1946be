// Package bench loads a server of the plugin's events with WebSocket clients, and measures what an event costs it. It
// writes the events as the plugin does, and knows the server by its address, its file and its process id alone, so
// that it measures any server alike. All clients are served by one thread, which allocates nothing for a delivery:
// the server is to be the bottleneck.
package bench

import (
	"io"
	"net/url"
	"time"
)

// Options for Run. The zero value loads a relay of its own with no clients.
type Options struct {
	// URL is the server's, with scheme ws. Default: that of a relay which Run starts, from the program's own binary,
	// on a temporary directory, and ends.
	URL *url.URL

	// File is the event file that the server at URL watches. Run rewrites it. Default: no event is written; what
	// others write is counted for Duration.
	File string

	// Process is the server's process id, on this machine. Default: its CPU time and memory are not measured.
	Process int

	// Clients is how many are connected, and Stalled how many of them never read.
	Clients, Stalled int

	// Churn is how many more clients come and go each second while events are sent. Each stays for a second.
	Churn int

	// Events is how many are written, at least Every apart. Each has Size bytes; an event without a title has about
	// 150, and none has less.
	Events, Size int
	Every        time.Duration

	// NoWait writes at the pace of Every. Default: an event is also not written before all clients have got the last
	// one, or Patience has passed.
	NoWait bool

	// Patience is for how long a delivery is waited for. Default: 5 seconds.
	Patience time.Duration

	// Settle is the pause between connecting and the reading of idle memory.
	Settle time.Duration

	// Duration is how long others' events are counted where File is not given.
	Duration time.Duration

	// Progress gets how far the run is, a line a second; with Rewrite, one line that is written anew, for a terminal.
	// Default: nothing is said.
	Progress io.Writer
	Rewrite  bool
}

func (o Options) withDefaults() Options {
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

// listens reports whether others write the events.
func (o *Options) listens() bool { return o.URL != nil && o.File == "" }
