// Package cli is the command line: it turns arguments, environment and configuration file into typed settings, and
// says what is wrong with them. It starts nothing.
package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"reflect"
	"time"

	"github.com/alecthomas/kong"

	"wpre-relay/relay/security/origin"
)

// CLI is all that can be said on the command line. The flags of Serve may be given without its name.
type CLI struct {
	Serve       Serve       `cmd:"" default:"withargs" help:"Relay the plugin's events to all browsers (the default)."`
	Demo        Demo        `cmd:"" help:"See it work without WordPress."`
	Tail        Tail        `cmd:"" help:"Connect to a relay and print each event as a line."`
	Bench       Bench       `cmd:"" help:"Load a server with many clients and measure it."`
	Check       Check       `cmd:"" help:"Say what is wrong around the relay, and how to mend it."`
	Companion   struct{}    `cmd:"" help:"Print a must-use plugin for WordPress that keeps every event."`
	Config      Config      `cmd:"" help:"Print the settings that count, and where each comes from."`
	Completion  Completion  `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Token       Token       `cmd:"" help:"Make a token, to try a relay that asks for one."`
	Healthcheck Healthcheck `cmd:"" help:"Ask the relay here whether it serves: exit status 0 or 1."`

	File      kong.ConfigFlag  `name:"config" group:"general" placeholder:"FILE" help:"YAML file of these settings, by their names without dashes in front: 'listen: :8080'."`
	LogLevel  slog.Level       `group:"general" placeholder:"LEVEL" default:"info" help:"debug, info, warn or error; debug tells what became of every change of the file. Read again on SIGHUP (default: ${default})."`
	LogFormat string           `group:"general" placeholder:"FORMAT" default:"auto" enum:"auto,text,json" help:"text, json, or auto: text on a terminal, JSON elsewhere (default: ${default})."`
	Version   kong.VersionFlag `group:"general" env:"-" help:"Print the version and exit."`

	parser   *kong.Kong
	settings []setting // if the command is config
}

// Serve are the settings of the relay proper.
type Serve struct {
	Watch        string        `group:"capture" placeholder:"PATH" help:"What to watch: WordPress's root, wp-content, realtime-events or the event file itself; it need not exist yet. Required, but with --broker or --publish-token."`
	StateDir     string        `group:"capture" placeholder:"DIR" help:"Where to remember what was sent, across restarts (default: $$STATE_DIRECTORY, else wpre-relay in $$XDG_STATE_HOME or ~/.local/state)."`
	History      int           `group:"capture" placeholder:"N" default:"10000" help:"How many events to remember (default: ${default})."`
	HistoryAge   time.Duration `group:"capture" placeholder:"TIME" default:"0" help:"For how long to give them to clients that resume; they go from the disk within twice that, but for the newest (default: 0, no limit)."`
	Debounce     time.Duration `group:"capture" placeholder:"TIME" default:"50ms" help:"How long a half-written file may wait for its rest before it counts as invalid; whole ones never wait (default: ${default})."`
	PollInterval time.Duration `group:"capture" placeholder:"TIME" default:"0" help:"Read the file at this pace instead of being notified by the kernel (default: 0, only where notifications cannot work, every 100ms)."`
	MaxEventSize Size          `group:"capture" placeholder:"SIZE" default:"1MiB" help:"Largest event, in bytes, KiB or MiB (default: ${default})."`

	Listen          string           `group:"clients" placeholder:"ADDR" default:":8080" help:"Where browsers connect, on any path (default: ${default})."`
	AllowOrigin     []origin.Pattern `group:"clients" placeholder:"ORIGIN" help:"Also admit pages from here: https://example.com, or https://*.example.com; may be repeated (default: only pages of the same host name)."`
	RequireOrigin   bool             `group:"clients" help:"Refuse clients that send no origin; browsers always do."`
	MaxClients      int              `group:"clients" placeholder:"N" default:"0" help:"Most clients at once (default: 0, as many as the limit of open files allows)."`
	MaxClientsPerIP int              `group:"clients" name:"max-clients-per-ip" placeholder:"N" default:"0" help:"Most clients at once from one address; behind a proxy all may have the same (default: 0, no limit)."`
	CatchUp         time.Duration    `group:"clients" placeholder:"TIME" default:"10s" help:"For how long after a start a page that connects first gets what happened while the relay was down (default: ${default}; 0: never)."`
	ResumeCookie    bool             `group:"clients" help:"Give the plugin's page a session cookie, and when it comes back, within 2 minutes, what happened meanwhile."`
	Drain           time.Duration    `group:"clients" placeholder:"TIME" default:"3s" help:"Spread the closing of many connections over this time when stopping (default: ${default})."`
	Welcome         string           `group:"clients" placeholder:"TEXT" help:"Greet each client with this text, as the recipe's Node server does (default: none; the plugin's page logs an error for it)."`
	PeerMessages    bool             `group:"clients" help:"Send each client's messages to all others as 'Broadcast: …', as the recipe's Node server does."`
	Security
	Sharing

	AdminListen string `group:"operators" placeholder:"ADDR" default:"127.0.0.1:8081" help:"Where operators look: a page that shows what happens, /metrics, /livez, /readyz and /api/status; 'off' for nowhere (default: ${default})."`
	Pprof       bool   `group:"operators" help:"Give Go's profiles there as well, at /debug/pprof/."`
}

// Demo are the settings of the demonstration.
type Demo struct {
	Listen     string        `placeholder:"ADDR" default:"localhost:8080" help:"Where the relay listens (default: ${default})."`
	PageListen string        `placeholder:"ADDR" default:"localhost:8888" help:"Where a page stands in for a WordPress site (default: ${default})."`
	Every      time.Duration `placeholder:"TIME" default:"2s" help:"How often a post is saved (default: ${default})."`
	Count      int           `placeholder:"N" default:"0" help:"How many posts are saved before it ends (default: 0, until Ctrl-C)."`
}

// Tail are the settings of the client.
type Tail struct {
	URL   string `arg:"" optional:"" default:"ws://localhost:8080/" help:"The relay (default: ${default})."`
	Last  int    `placeholder:"N" default:"0" help:"Begin with the newest events, so many (default: ${default})."`
	Since string `placeholder:"POSITION" help:"Begin after this position, as /history shows it (default: now)."`
	Token string `placeholder:"TOKEN" help:"Token for a relay that asks for one; better in WPRE_RELAY_TOKEN or WPRE_RELAY_TOKEN_FILE than here, where others can see it."`
}

// Healthcheck are the settings of the probe.
type Healthcheck struct {
	Listen string `placeholder:"ADDR" default:":8080" help:"Where the relay listens (default: ${default})."`
}

// validate refuses what cannot be meant.
func (s *Serve) validate() error {
	switch {
	case s.Watch == "" && s.Broker == nil && s.PublishToken == "":
		return errors.New("--watch is missing: give the path to WordPress, to its wp-content or to the event file (to see the relay work without WordPress: wpre-relay demo)")
	case s.History < 1:
		return errors.New("--history must be at least 1")
	case s.Debounce < 0 || s.PollInterval < 0 || s.CatchUp < 0 || s.Drain < 0 || s.HistoryAge < 0:
		return errors.New("a time must not be negative")
	case s.MaxClients < 0 || s.MaxClientsPerIP < 0:
		return errors.New("a limit must not be negative; 0 is no limit")
	}
	if s.PublishToken != "" && s.AdminListen == "off" {
		return errors.New("--publish-token: events are taken at --admin-listen, which is off")
	}
	if s.ForwardURL != nil && !s.PeerMessages && !s.gated() {
		return errors.New("--forward-url: nothing lets a client's message pass; add --peer-messages, or --jwt-key for tokens that say so")
	}
	return errors.Join(s.Security.validate(), s.Sharing.validate())
}

// Validate refuses what cannot be meant.
func (d *Demo) Validate() error {
	if d.Every <= 0 || d.Count < 0 {
		return errors.New("--every must be more than 0, and --count not less")
	}
	return nil
}

// Validate refuses what cannot be meant.
func (t *Tail) Validate() error {
	if t.Last < 0 {
		return errors.New("--last must not be negative")
	}
	return nil
}

// Serve returns the settings of the relay that serves the demonstration from root.
func (d *Demo) Serve(root string) Serve {
	return Serve{
		Watch:        root,
		StateDir:     filepath.Join(root, "state"),
		History:      1000,
		MaxEventSize: 1 << 20,
		Listen:       d.Listen,
		AdminListen:  "off",
		Security:     Security{PublicStatus: []string{"publish"}},
	}
}

// PrintConfig writes the relay's settings and where each comes from to out, as a configuration file. The error says, too,
// what is wrong with them.
func (c *CLI) PrintConfig(out io.Writer) error {
	if err := printSettings(c.settings, out); err != nil {
		return err
	}
	if err := c.Config.Serve.validate(); err != nil {
		return &UsageError{err}
	}
	return nil
}

// UsageError is an error in what was said, not in what it led to.
type UsageError struct{ Err error }

// Error returns the error with the way to help.
func (e *UsageError) Error() string { return e.Err.Error() + "\nTry: wpre-relay --help" }

// Unwrap returns the error itself.
func (e *UsageError) Unwrap() error { return e.Err }

const description = `Makes the WordPress plugin "WP Realtime Events" real-time: watches the event file that it writes, and sends each new event to all browsers over WebSocket, at once, in order, and once.

Each flag can also be set in the environment, --max-clients as WPRE_RELAY_MAX_CLIENTS, or as WPRE_RELAY_MAX_CLIENTS_FILE, the name of a file that holds the value; or in the configuration file. Flags count before the environment, and that before the file.`

// Parse returns the settings and the name of the command. Flags count before the environment (WPRE_RELAY_…, or a
// file that WPRE_RELAY_…_FILE names), that before the configuration file; an empty variable counts as unset. Help and
// version go to out; then exit is called. Other errors are *UsageError.
func Parse(args []string, version string, out io.Writer, exit func(int)) (*CLI, string, error) {
	var c CLI
	if err := expandEnvironment(); err != nil {
		return nil, "", &UsageError{err}
	}
	parser, err := kong.New(&c,
		kong.Name("wpre-relay"),
		kong.Description(description),
		kong.DefaultEnvars(envPrefix),
		kong.Configuration(loadConfig),
		kong.TypeMapper(reflect.TypeFor[*url.URL](), kong.MapperFunc(decodeURL)),
		kong.Vars{"version": "wpre-relay " + version},
		kong.Groups{"capture": "Watching:", "clients": "Serving:", "tls": "TLS:", "access": "Who may listen, and to what:", "floods": "Floods:", "sharing": "With other relays, and other ways in:", "operators": "For operators:", "look": "Where to look:", "server": "The server:", "load": "The load:", "result": "The result:", "general": "General:"},
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ValueFormatter(func(value *kong.Value) string { return value.Help }), // the environment is explained once
		kong.Writers(out, io.Discard),
		kong.Exit(exit),
	)
	if err != nil {
		return nil, "", fmt.Errorf("command line: %w", err)
	}
	if err := checkEnvironment(parser.Model); err != nil {
		return nil, "", &UsageError{err}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, "", &UsageError{err}
	}
	command := ctx.Selected().Name
	switch command {
	case "serve":
		if err := c.Serve.validate(); err != nil {
			return nil, "", &UsageError{err}
		}
	case "check":
		if err := c.Check.validate(); err != nil {
			return nil, "", &UsageError{err}
		}
	case "config":
		c.settings, err = effective(ctx, c.File)
	}
	c.parser = parser
	return &c, command, err
}
