package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"wpre-relay/relay/bench"
	"wpre-relay/relay/config"
	"wpre-relay/relay/progress"
)

// minEvent is the size of an event with an empty title and a post id of ten digits, in bytes.
const minEvent = 154

// Bench has the flags of the load test.
type Bench struct {
	BenchSettings
	Size config.Size `group:"load" placeholder:"SIZE" default:"160"`
	JSON bool        `group:"result" name:"json" help:"Print one JSON object instead of a table."`
}

// BenchSettings has the same fields in the same order as bench.Settings, so that one converts to the other.
type BenchSettings struct {
	URL      *url.URL      `group:"server" placeholder:"URL"`
	Write    string        `group:"server" placeholder:"FILE"`
	PIDs     []int         `group:"server" name:"pid" placeholder:"N"`
	Duration time.Duration `group:"server" placeholder:"TIME" default:"10s"`

	Clients int           `group:"load" placeholder:"N" default:"1000"`
	Stalled int           `group:"load" placeholder:"N" default:"0"`
	Churn   int           `group:"load" placeholder:"N" default:"0"`
	Herd    int           `group:"load" placeholder:"N" default:"0"`
	Settle  time.Duration `group:"load" placeholder:"TIME" default:"2s"`
	Events  int           `group:"load" placeholder:"N" default:"100"`
	Every   time.Duration `group:"load" placeholder:"TIME" default:"50ms"`
	NoWait  bool          `group:"load"`
}

var benchHelp = helpTexts{
	"--url": "URL of the server to load, for example ws://localhost:8080/ (default: a relay that bench starts for " +
		"the test). With wss://, the certificate is not verified.",
	"--write": "Event file that this server watches; bench overwrites it. Without it, bench counts the events " +
		"that others write.",
	"--pid": "Process id of this server on this machine, to measure its CPU time and memory; several ids, " +
		"separated by commas, are added up (default: not measured).",
	"--duration": "Time to count events that others write (default: ${default}).",
	"--clients":  "Number of clients (default: ${default}).",
	"--events":   "Number of events (default: ${default}).",
	"--stalled":  "Number of these clients that never read; their deliveries are not counted (default: ${default}).",
	"--churn": "Number of additional clients per second that connect during the test and leave after one second; " +
		"their deliveries are not counted (default: ${default}).",
	"--herd": "Number of additional clients that connect all at once when half of the events are written, as after " +
		"a restart; their deliveries are not counted (default: ${default}).",
	"--settle": "Time between connecting and reading the idle memory (default: ${default}).",
	"--every": "Minimum time from the end of one write to the start of the next; bench also waits until all clients " +
		"have received the previous event, or none has for 5s (default: ${default}).",
	"--no-wait": "Write without waiting for clients, even if that overwrites events: measures capture.",
	"--size":    "Size of an event, in bytes, KiB or MiB, at least 154 bytes (default: ${default}).",
}

func (b *Bench) validate() error {
	switch {
	case b.URL == nil && (b.Write != "" || len(b.PIDs) > 0):
		return errors.New("--write and --pid need --url, which is missing: without it, bench starts a new relay")
	case b.URL != nil && (b.URL.Scheme != "ws" && b.URL.Scheme != "wss" || b.URL.Hostname() == ""):
		return errors.New("--url must be of the form ws://host:port/path or wss://host:port/path")
	case b.URL != nil && b.Write == "" && b.Herd > 0:
		return errors.New("--herd needs --write: the herd connects when half of the events are written")
	case b.Clients < 1 || b.Events < 1:
		return errors.New("--clients and --events must be at least 1")
	case b.Stalled < 0 || b.Stalled > b.Clients:
		return errors.New("--stalled must be between 0 and --clients")
	case b.Churn < 0 || b.Herd < 0 || slices.ContainsFunc(b.PIDs, func(pid int) bool { return pid < 1 }):
		return errors.New("--churn and --herd must not be negative, and --pid must be positive")
	case b.Every < 0 || b.Settle < 0 || b.Duration < 0:
		return errors.New("--every, --settle and --duration must not be negative")
	case b.Size < minEvent:
		return fmt.Errorf("--size must be at least %d, the size of an event without a title", minEvent)
	}
	return nil
}

// run measures the server and prints the result, also after an interruption.
func (b *Bench) run(ctx context.Context, env Env) error {
	result, err := bench.Run(ctx, bench.Options{
		Settings: bench.Settings(b.BenchSettings),
		Size:     int(b.Size),
		Progress: progress.Line{Out: env.Stderr, Terminal: isTerminal(env.Stderr)},
	})
	switch {
	case result == nil:
		return err
	case b.JSON:
		return errors.Join(err, result.WriteJSON(env.Stdout))
	default:
		return errors.Join(err, result.WriteTable(env.Stdout))
	}
}
