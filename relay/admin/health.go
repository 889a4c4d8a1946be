package admin

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/server"
	"wpre-relay/relay/sharedlog"
)

// heldUp is for how long the capture may look at nothing before the relay counts as deaf. It looks once a second.
const heldUp = 10 * time.Second

// Watch is how the capture stands, as its owner tells.
type Watch struct {
	File    string `json:"file"`
	Mode    string `json:"mode"`    // "" until it is armed
	Reason  string `json:"reason"`  // why it polls; "" where it does not
	Present bool   `json:"present"` // whether the file was there at the last look
	Outbox  bool   `json:"outbox"`  // whether the companion's outbox is there, and followed
	Problem string `json:"problem"` // why events would go unseen; "" if they would not

	Heartbeat time.Time `json:"alive"` // when it was last free to look

	Notifications uint64 `json:"notifications"`
	Overflows     uint64 `json:"overflows"`
	Rearmed       uint64 `json:"rearmed"`
}

// Health puts together what operators ask about.
type Health struct {
	Version string
	Started time.Time
	Relay   *relay.Relay                          // nil if nothing is captured here
	Watch   func() Watch                          // nil if nothing is watched
	Server  func() *server.Server                 // returns nil until there is one
	Forward func() (sent, dropped, failed uint64) // clients' messages for the site
	Broker  func() sharedlog.Status               // nil if there is none

	// Stopping is closed when the relay begins to stop.
	Stopping <-chan struct{}
}

// Ready returns why the relay should get no new clients, nil if it should.
func (h Health) Ready() error {
	select {
	case <-h.Stopping:
		return errors.New("the relay is stopping")
	default:
	}
	if h.Broker != nil {
		if status := h.Broker(); !status.Connected {
			return fmt.Errorf("the broker is away: %s", cmp.Or(status.Problem, "it was not reached yet"))
		}
	}
	if h.Server() == nil {
		return errors.New("the history is being read")
	}
	if h.Watch == nil {
		return nil
	}
	watch := h.Watch()
	switch silent := time.Since(watch.Heartbeat); {
	case watch.Mode == "":
		return errors.New("the event file is not watched yet")
	case silent > heldUp:
		return fmt.Errorf("the capture has been held up for %s; does its file system hang?", silent.Round(time.Second))
	case watch.Problem != "":
		return fmt.Errorf("the watch is lost: %s", watch.Problem)
	}
	return nil
}

// Report is the answer to /api/status.
type Report struct {
	Version       string                    `json:"version"`
	UptimeSeconds int64                     `json:"uptime_seconds"`
	NotReady      string                    `json:"not_ready"` // why, "" if it is ready
	Position      string                    `json:"position"`
	Start         string                    `json:"start"`            // the position before the oldest event that is kept
	Kept          uint64                    `json:"kept"`             // events that are kept, at most
	Watch         *Watch                    `json:"watch,omitempty"`  // nil if nothing is watched
	Broker        *sharedlog.Status         `json:"broker,omitempty"` // nil if there is none
	Decisions     map[relay.Decision]uint64 `json:"decisions"`
	Delivery      Delivery                  `json:"delivery"`
	Server        server.Status             `json:"server"`
	JournalError  string                    `json:"journal_error"` // "" if the journal holds all
}

// report returns how the relay stands now, but for Delivery.
func (h Health) report() Report {
	report := Report{
		Version:       h.Version,
		UptimeSeconds: int64(time.Since(h.Started).Seconds()),
		Decisions:     h.decisions(),
	}
	if server := h.Server(); server != nil {
		head, start := server.Log().Head(), server.Log().Start()
		report.Position, report.Start, report.Kept = head.String(), start.String(), head.Seq-min(head.Seq, start.Seq)
		report.Server = server.Status()
	}
	if h.Watch != nil {
		watch := h.Watch()
		report.Watch = &watch
	}
	if h.Broker != nil {
		status := h.Broker()
		report.Broker = &status
	}
	if err := h.Ready(); err != nil {
		report.NotReady = err.Error()
	}
	if h.Relay != nil {
		if err := h.Relay.JournalError(); err != nil {
			report.JournalError = err.Error()
		}
	}
	return report
}

// decisions returns what was decided so far, of all kinds none where nothing is captured.
func (h Health) decisions() map[relay.Decision]uint64 {
	if h.Relay == nil {
		return new(relay.Decisions).Counts()
	}
	return h.Relay.Decisions().Counts()
}
