package admin

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/relay/sharedlog"
)

// maxSilence is how long the watcher may show no heartbeat before the relay is not ready. A running watcher shows
// one per second.
const maxSilence = 10 * time.Second

// Watch is the state of the watch. It has the same fields in the same order as the status of package watcher, so
// that one converts to the other.
type Watch struct {
	File    string `json:"file"`
	Mode    string `json:"mode"`    // "inotify" and so on, or "polling"; "" until the file is watched
	Reason  string `json:"reason"`  // why it polls, otherwise ""
	Present bool   `json:"present"` // the file existed when it was last read
	Outbox  bool   `json:"outbox"`  // the companion's outbox exists, and the watcher follows it
	Problem string `json:"problem"` // why the watcher would miss events; "" if it would not
	Hangs   string `json:"hangs"`   // the file operation that hangs; "" if there is none

	Heartbeat time.Time `json:"alive"` // when the watcher was last known to run

	Notifications uint64 `json:"notifications"`
	Overflows     uint64 `json:"overflows"` // how often the kernel dropped notifications
	Rearmed       uint64 `json:"rearmed"`   // how often the watch was set up again
}

// Health has the sources of the relay's state.
type Health struct {
	Version string
	Started time.Time
	Relay   *relay.Relay                          // nil in an edge relay
	Watch   func() Watch                          // nil if no file is watched
	Server  func() *server.Server                 // returns nil until the history is loaded
	Forward func() (sent, dropped, failed uint64) // counts of forwarded messages
	Broker  func() sharedlog.Status               // nil without a broker

	LogDropped func() uint64 // number of log lines that the log did not accept
	Accepting  func() error  // returns why a listener accepts no connections, or nil
	Hangs      func() error  // returns the file operation on the state directory that hangs, or nil
	Files      *FileFailures // failed calls on state files; nil: none are counted

	// Proxies returns how many connections had no required PROXY protocol header, and how many had an unexpected one.
	Proxies func() (missing, unexpected uint64)

	// StateDir is the state directory, for the commands that operators see. "" if there is none.
	StateDir string

	// Publishing is whether POST /publish takes events. New sets it.
	Publishing bool

	// Stopping is closed when the relay begins to stop.
	Stopping <-chan struct{}
}

// Ready returns why the relay should get no new clients, or nil if it should.
func (h Health) Ready() error {
	select {
	case <-h.Stopping:
		return errors.New("the relay is stopping")
	default:
	}
	if err := cmp.Or(h.Accepting(), h.Hangs()); err != nil {
		return err
	}
	if h.Broker != nil {
		if status := h.Broker(); !status.Connected {
			return fmt.Errorf("the broker is unreachable: %s", cmp.Or(status.Problem, "not connected yet"))
		}
	}
	if h.Server() == nil {
		return errors.New("the history is not loaded yet")
	}
	if problem := h.state().Problem; problem != nil {
		return problem
	}
	if err := h.journalError(); err != nil {
		return fmt.Errorf("the journal does not hold all events: %w", err)
	}
	if h.Watch == nil {
		return nil
	}
	return h.Watch().ready()
}

// state returns the state of the files on disk; it is the zero value in an edge relay.
func (h Health) state() (status eventlog.StateStatus) {
	if h.Relay != nil {
		status = h.Relay.StateStatus()
	}
	return status
}

// journalError returns why the journal does not hold all events, or nil if it does. An edge relay has no journal.
func (h Health) journalError() error {
	if h.Relay == nil {
		return nil
	}
	return h.Relay.JournalError()
}

// readyText returns the response of /readyz for a relay that is ready. It names the state files that were lost, so
// that the operator learns that something deletes them, and the failures that the relay has survived.
func (h Health) readyText() string {
	text := "ok\n"
	if state := h.state(); state.Restored > 0 {
		text += fmt.Sprintf("state files were deleted or changed by another program, and re-created %d times, "+
			"last at %s: %s\n", state.Restored, state.RestoredAt.UTC().Format(time.RFC3339), state.Files)
	}
	if files := h.Files.report(); files.total > 0 {
		text += fmt.Sprintf("%d calls on state files have failed, last at %s: %s\n",
			files.total, files.lastAt.UTC().Format(time.RFC3339), files.last)
	}
	return text
}

// ready returns why the relay would miss events, or nil if it would not.
func (w Watch) ready() error {
	switch silence := time.Since(w.Heartbeat); {
	case w.Hangs != "":
		return fmt.Errorf("the event file's file system hangs: %s", w.Hangs)
	case w.Mode == "":
		return errors.New("the event file is not watched yet")
	case silence > maxSilence:
		return fmt.Errorf("the watcher has been blocked for %s; check whether the file system hangs",
			silence.Round(time.Second))
	case w.Problem != "":
		return fmt.Errorf("the watch is lost: %s", w.Problem)
	}
	return nil
}

// Report is the response of /api/status.
type Report struct {
	Version       string                    `json:"version"`
	UptimeSeconds int64                     `json:"uptime_seconds"`
	NotReady      string                    `json:"not_ready"` // why it is not ready; "" if it is
	Position      string                    `json:"position"`
	Start         string                    `json:"start"`            // the position before the oldest record
	Kept          uint64                    `json:"kept"`             // maximum number of events to resume over
	Watch         *Watch                    `json:"watch,omitempty"`  // nil if no file is watched
	Broker        *sharedlog.Status         `json:"broker,omitempty"` // nil without a broker
	Decisions     map[relay.Decision]uint64 `json:"decisions"`
	Delivery      Delivery                  `json:"delivery"`
	Server        server.Status             `json:"server"`
	JournalError  string                    `json:"journal_error"`  // "" if the journal holds all events
	StateProblem  string                    `json:"state_problem"`  // why lost state files are missing; "" if none are
	StateRestored uint64                    `json:"state_restored"` // how often lost state files were re-created
	FileErrors    uint64                    `json:"file_errors"`    // number of failed calls on state files
	FileError     string                    `json:"file_error"`     // the last one; "" if there is none
	Publishing    bool                      `json:"publishing"`     // POST /publish takes events
	Links         []Link                    `json:"links"`          // the chain from the plugin to the clients
}

// report returns the current state, without Delivery.
func (h Health) report() Report {
	report := Report{
		Version:       h.Version,
		UptimeSeconds: int64(time.Since(h.Started).Seconds()),
		Decisions:     h.decisions(),
		Publishing:    h.Publishing,
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
	if err := h.journalError(); err != nil {
		report.JournalError = err.Error()
	}
	files := h.Files.report()
	report.FileErrors, report.FileError = files.total, files.last
	state := h.state()
	report.StateRestored = state.Restored
	if state.Problem != nil {
		report.StateProblem = state.Problem.Error()
	}
	return report
}

// decisions returns the counts of all decisions; all are 0 in an edge relay.
func (h Health) decisions() map[relay.Decision]uint64 {
	if h.Relay == nil {
		return new(relay.Decisions).Counts()
	}
	return h.Relay.Decisions().Counts()
}
