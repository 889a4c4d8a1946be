// Package cli is the command line. It turns arguments, environment and configuration file into settings, and runs
// the command that was chosen. It is the only package that knows kong. It does not know how a relay is assembled,
// nor how a file is watched: Env provides both.
package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"wpre-relay/relay"
	"wpre-relay/relay/config"
)

// CLI is the grammar of the command line and, after Parse, its values. The flags of Serve may be given without its
// name.
type CLI struct {
	Serve       Serve       `cmd:"" default:"withargs" help:"Relay the plugin's events to all clients (the default)."`
	Demo        Demo        `cmd:"" help:"Show the relay at work, without WordPress."`
	Tail        Tail        `cmd:"" help:"Connect to a relay and print each event as a line."`
	Bench       Bench       `cmd:"" help:"Load a server with many clients and measure it."`
	Check       Check       `cmd:"" help:"Find problems around the relay and show how to fix them."`
	Companion   Companion   `cmd:"" help:"Print or install the companion, which keeps every event."`
	Up          Up          `cmd:"" help:"Connect a WordPress of this server with a relay, and prove it."`
	Down        Down        `cmd:"" help:"Undo everything that up has changed."`
	Config      Show        `cmd:"" help:"Print the effective settings and the source of each."`
	Completion  Completion  `cmd:"" help:"Print a completion script for a shell."`
	Token       Token       `cmd:"" help:"Create a token for a relay that requires one, or its secret."`
	Healthcheck Healthcheck `cmd:"" help:"Check that a local relay serves: exit status 0 or 1."`
	ShowHelp    Help        `cmd:"" name:"help" help:"Print this help, or the help of a command with all its flags."`
	ShowVersion Version     `cmd:"" name:"version" help:"Print the version."`

	File      configFlag       `name:"config" group:"general" placeholder:"FILE"`
	LogLevel  slog.Level       `group:"general" placeholder:"LEVEL" default:"info"`
	LogFormat string           `group:"general" placeholder:"FORMAT" default:"auto" enum:"auto,text,json"`
	Version   kong.VersionFlag `group:"general" short:"v" help:"Print the version and exit."`

	name     string // of the selected command
	selected command
	env      environment
	unknown  []unknownVariable // ignored; the relay warns about them
	hidden   hiddenValues
	settings []Setting            // of the command serve
	level    slog.LevelVar        // of the logger
	again    func() (*CLI, error) // parses the same arguments, environment and file again
}

var generalHelp = helpTexts{
	"--config": "YAML file with settings, by the names of their flags without the dashes: 'listen: :8080'.",
	"--log-level": "Log level: debug, info, warn or error; debug adds the decision for every change of the event " +
		"file. The level is reloaded on SIGHUP (default: ${default}).",
	"--log-format": "Log format: text, json, or auto: text on a terminal, otherwise JSON (default: ${default}).",
}

// command is implemented by the struct of each command.
type command interface {
	// validate returns why the flags make no sense together, or nil.
	validate() error

	// run executes the command. It returns when the work is done or ctx ends.
	run(ctx context.Context, env Env) error
}

// Env holds what the commands get from the program.
type Env struct {
	Stdout, Stderr *os.File
	Logger         *slog.Logger

	// Serve runs a relay with valid settings until ctx ends, and then returns nil. The trace shows the steps of events.
	Serve func(ctx context.Context, settings config.Relay, trace relay.Trace) error

	// Locate returns the event file for a path that an operator gives; doubt says why it may be the wrong
	// one, or is "".
	Locate func(path string) (file, doubt string, err error)

	// Probe returns how the file would be watched now, and why it would be polled.
	Probe func(file string, pollInterval time.Duration) (mode, reason string)

	// PHPCode returns the code of a PHP file without comments.
	PHPCode func(source []byte) []byte

	// ConfigConstant returns the values that WordPress's configuration gives to a constant. file is the event file that
	// Locate returns for path.
	ConfigConstant func(path, file, name string) ([]string, error)
}

// description is the summary of the program.
const description = `Makes the WordPress plugin "WP Realtime Events" real-time: watches the plugin's event file and
sends each new event to all clients over WebSocket, once and in order.`

// groups are the headings of flags in the help.
var groups = kong.Groups{
	"general":      "General:",
	"capture":      "Watching:",
	"clients":      "Serving:",
	"tls":          "TLS:",
	"access":       "Access:",
	"limits":       "Proxies and rate limits:",
	"integrations": "Broker, forwarding and publishing:",
	"admin":        "Operators:",
	"checks":       "Checks:",
	"server":       "Server:",
	"load":         "Load:",
	"result":       "Result:",
}

// Parse returns the command line of args. Flags override the environment (WPRE_RELAY_…, or the content of the file
// that WPRE_RELAY_…_FILE names), and the environment overrides the configuration file; an empty variable counts as
// unset, except for security settings, which must not be empty. For --help and --version, Parse writes to out and
// calls exit. Errors in the input are *UsageError. They contain no secret and no content of a file that a variable
// names.
func Parse(args []string, version string, out io.Writer, exit func(int)) (*CLI, error) {
	c := &CLI{again: func() (*CLI, error) { return Parse(args, version, out, exit) }}
	parser, err := newParser(c, version, out, exit)
	if err != nil {
		return nil, fmt.Errorf("build command line: %w", err)
	}
	if err := c.parse(parser, args); err != nil {
		return nil, newUsageError(c.hidden.redact(err), parser.Model)
	}
	if err := c.selected.validate(); err != nil {
		return nil, &UsageError{Err: c.hidden.redact(err), Command: c.name}
	}
	return c, nil
}

func (c *CLI) parse(parser *kong.Kong, args []string) (err error) {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("argument %q %w", arg, errNotUTF8)
		}
	}
	if c.env, c.unknown, err = readEnvironment(parser.Model); err != nil {
		return err
	}
	ctx, err := parser.Parse(append(c.env.arguments(), args...))
	if err != nil {
		return err
	}
	c.name = ctx.Selected().Name
	c.selected = ctx.Selected().Target.Addr().Interface().(command)
	if c.name == "serve" {
		c.settings, err = shownSettings(ctx, c)
	}
	return err
}

var helpOptions = kong.HelpOptions{
	Compact:             true,
	NoExpandSubcommands: true,
	FlagsLast:           true,
	WrapUpperBound:      100,
	ValueFormatter:      func(value *kong.Value) string { return value.Help },
}

// newParser returns the parser for c.
func newParser(c *CLI, version string, out io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("wpre-relay"),
		kong.Description(description),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			return c.env.Resolve(flag), nil
		})),
		kong.Configuration(func(r io.Reader) (kong.Resolver, error) { return loadConfigFile(r, c.env) }),
		kong.TypeMapper(reflect.TypeFor[*url.URL](), kong.MapperFunc(decodeURL)),
		kong.TypeMapper(reflect.TypeFor[slog.Level](), kong.MapperFunc(decodeLevel)),
		kong.Vars{"version": "wpre-relay " + version},
		groups,
		kong.PostBuild(setHelp),
		kong.PostBuild(useMappers(&c.hidden)),
		kong.Help(printHelp),
		kong.ConfigureHelp(helpOptions),
		kong.Writers(out, io.Discard),
		kong.Exit(exit),
		kong.Bind(c),
	)
}

// Name returns the name of the selected command.
func (c *CLI) Name() string { return c.name }

// Run executes the selected command until it is done or ctx ends. Its error contains no content of a file that a
// variable names.
func (c *CLI) Run(ctx context.Context, env Env) error {
	if c.name == "serve" {
		for _, variable := range c.unknown {
			variable.warn(env.Logger)
		}
	}
	return c.hidden.redact(c.selected.run(ctx, env))
}
