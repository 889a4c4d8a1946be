package admin

import (
	"errors"
	"fmt"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
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

	Alive time.Time `json:"alive"` // when it was last free to look

	Notifications uint64 `json:"notifications"`
	Overflows     uint64 `json:"overflows"`
	Rearmed       uint64 `json:"rearmed"`
}

// Health puts together what operators ask about.
type Health struct {
	Version string
	Started time.Time
	Log     *eventlog.Log
	Relay   *relay.Relay
	Server  *relay.Server
	Watch   func() Watch

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
	watch := h.Watch()
	switch silent := time.Since(watch.Alive); {
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
	Start         string                    `json:"start"` // the position before the oldest event that is kept
	Kept          uint64                    `json:"kept"`  // events that are kept, at most
	Watch         Watch                     `json:"watch"`
	Decisions     map[relay.Decision]uint64 `json:"decisions"`
	Delivery      Delivery                  `json:"delivery"`
	Server        relay.ServerStatus        `json:"server"`
	JournalError  string                    `json:"journal_error"` // "" if the journal holds all
}

// report returns how the relay stands now, but for Delivery.
func (h Health) report() Report {
	head, start := h.Log.Head(), h.Log.Start()
	report := Report{
		Version:       h.Version,
		UptimeSeconds: int64(time.Since(h.Started).Seconds()),
		Position:      head.String(),
		Start:         start.String(),
		Kept:          head.Seq - min(head.Seq, start.Seq),
		Watch:         h.Watch(),
		Decisions:     h.Relay.Decisions().Counts(),
		Server:        h.Server.Status(),
	}
	if err := h.Ready(); err != nil {
		report.NotReady = err.Error()
	}
	if err := h.Log.JournalError(); err != nil {
		report.JournalError = err.Error()
	}
	return report
}
