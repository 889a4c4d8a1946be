package relay

import (
	"errors"
	"time"

	"wpre-relay/relay/eventlog"
)

// Health puts together what operators ask about: how capture stands, as its owner tells, and the relay's own parts.
type Health struct {
	Version string
	Started time.Time
	Log     *eventlog.Log
	Relay   *Relay
	Server  *Server

	// Watch returns how the watch stands, for the report, the writes that it missed, and whether it is armed.
	Watch func() (report any, overwritten uint64, armed bool)

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
	if _, _, armed := h.Watch(); !armed {
		return errors.New("the event file is not watched yet")
	}
	return nil
}

// Report is the answer to /api/status.
type Report struct {
	Version       string              `json:"version"`
	UptimeSeconds int64               `json:"uptime_seconds"`
	Position      string              `json:"position"`
	Watch         any                 `json:"watch"`
	Decisions     map[Decision]uint64 `json:"decisions"`
	Server        ServerStatus        `json:"server"`
	JournalError  string              `json:"journal_error"` // "" if the journal holds all
}

// Report returns how the relay stands now.
func (h Health) Report() Report {
	watch, overwritten, _ := h.Watch()
	report := Report{
		Version:       h.Version,
		UptimeSeconds: int64(time.Since(h.Started).Seconds()),
		Position:      h.Log.Head().String(),
		Watch:         watch,
		Decisions:     h.Relay.Decisions().Counts(),
		Server:        h.Server.Status(),
	}
	report.Decisions[Overwritten] = overwritten
	if err := h.Log.JournalError(); err != nil {
		report.JournalError = err.Error()
	}
	return report
}
