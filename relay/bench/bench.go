// Package bench loads a WebSocket server of the plugin's events with clients and measures the cost of an event.
//
// It writes events as the plugin does and knows the server only by its address, its event file and its process id, so
// that it measures any server in the same way. One thread serves all clients and allocates nothing for a delivery, so
// that the server is the bottleneck. It does not interpret events beyond their number.
package bench

import (
	"net/url"
	"time"

	"wpre-relay/relay/progress"
)

// Settings are the settings that an operator can change. Its fields match the flags of the command line, so that one
// struct converts to the other. The zero value has no clients.
type Settings struct {
	// URL is the server's, with scheme ws or wss; Run does not verify the certificate. Default: Run starts a relay from
	// the program's own binary on a temporary directory, measures it and stops it.
	URL *url.URL

	// Write is the event file that the server at URL watches; Run overwrites it. Default: Run writes no event and
	// counts the events that others write, for Duration.
	Write string

	// PIDs are the ids of the server's processes on this machine; Run adds up their CPU time and memory. Default: CPU time
	// and memory are not measured.
	PIDs []int

	// Duration is the time for which Run counts the events that others write.
	Duration time.Duration

	// Clients is the number of clients. Stalled is the number of them that never read.
	Clients, Stalled int

	// Churn is the number of additional clients that connect each second while events are sent. Each disconnects
	// after a second. Deliveries to them are not counted.
	Churn int

	// Herd is the number of additional clients that connect all at once when half of the events are written, as after a
	// restart of the server. Deliveries to them are not counted.
	Herd int

	// Settle is the pause after connecting, before idle memory is measured.
	Settle time.Duration

	// Events is the number of events to write.
	Events int

	// Every is the minimum pause between two writes, from the end of one to the start of the next.
	Every time.Duration

	// NoWait writes at the pace of Every. Default: Run also waits until all clients have received the previous event, or
	// until none receives it for DeliveryTimeout.
	NoWait bool
}

// Options are the options of Run.
type Options struct {
	Settings

	// Size is the size of an event in bytes. An event without a title has about 150 bytes; none is smaller.
	Size int

	// DeliveryTimeout is the maximum time to wait for the next delivery. Default: 5 seconds.
	DeliveryTimeout time.Duration

	// Progress describes the progress once per second; on a terminal, five times per second. Default: it shows nothing.
	Progress progress.Line
}

func (o Options) withDefaults() Options {
	if o.DeliveryTimeout <= 0 {
		o.DeliveryTimeout = 5 * time.Second
	}
	return o
}

// external reports whether others write the events.
func (s *Settings) external() bool { return s.URL != nil && s.Write == "" }
