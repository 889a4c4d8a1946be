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

	"wpre-relay/relay/config"
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

// Serve has the flags of the relay. Each embedded struct has the same fields in the same order as its namesake in package
// config, so that the compiler checks the conversion between the two.
type Serve struct {
	Capture      `group:"capture"`
	Clients      `group:"clients"`
	TLS          `group:"tls"`
	Access       `group:"access"`
	Limits       `group:"floods"`
	Integrations `group:"sharing"`
	Admin        `group:"operators"`
}

// Settings returns the settings that the flags give.
func (s *Serve) Settings() config.Relay {
	return config.Relay{
		Capture: config.Capture(s.Capture),
		Clients: config.Clients(s.Clients),
		Security: config.Security{
			TLS:    config.TLS(s.TLS),
			Access: config.Access(s.Access),
			Limits: config.Limits(s.Limits),
		},
		Integrations: config.Integrations(s.Integrations),
		Admin:        config.Admin(s.Admin),
	}
}

func (s *Serve) validate() error {
	settings := s.Settings()
	return settings.Validate()
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

// Settings returns the settings of a relay that serves the demonstration site in root.
func (d *Demo) Settings(root string) config.Relay {
	s := config.Default()
	s.Watch = root
	s.StateDir = filepath.Join(root, "state")
	s.History = 1000
	s.Listen = d.Listen
	s.CatchUp, s.Drain = 0, 0 // no event is older than the demo, and Ctrl-C ends it at once
	s.AdminListen = config.Off
	s.PublicStatus = []string{"publish"}
	return s
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
