package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"wpre-relay/relay/check"
	"wpre-relay/relay/companion"
	"wpre-relay/relay/fileop"
	"wpre-relay/relay/progress"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/origin"
	"wpre-relay/relay/up"
)

// Check has its own flags and the flags of the relay that it checks. Each flag enables more checks.
type Check struct {
	CheckSettings `group:"checks"`
	JSON          bool `group:"checks" name:"json" help:"Print one JSON array instead of text."`
	Fix           bool `group:"checks"`
	Yes           bool `group:"checks" help:"With --fix, apply each step without asking."`
	Serve
}

// CheckSettings has the same fields in the same order as check.Settings, so that one converts to the other.
type CheckSettings struct {
	Site *url.URL      `placeholder:"URL"`
	URL  *url.URL      `placeholder:"URL"`
	Idle time.Duration `placeholder:"TIME" default:"30s"`
}

var checkHelp = helpTexts{
	"--site": "URL of the site, for example https://www.example.com: checks whether it exposes the event file, " +
		"and where its pages connect.",
	"--url": "Public URL of the relay, for example wss://www.example.com/ws: checks whether clients get through.",
	"--fix": "First do the steps of 'wpre-relay up' that are missing, one at a time: check shows each, asks, and undoes " +
		"it if it fails.",
	"--idle": "Time to check whether that connection stays open; the relay pings every 25s (default: ${default}; " +
		"0: do not check).",
}

func (c *Check) validate() error {
	switch {
	case c.Fix && c.JSON:
		return errors.New("--fix asks questions; it cannot be combined with --json")
	case c.Yes && !c.Fix:
		return errors.New("--yes needs --fix")
	case c.Site != nil && (c.Site.Host == "" || c.Site.Scheme != "http" && c.Site.Scheme != "https"):
		return errors.New("--site must be of the form https://www.example.com")
	case c.URL != nil && (c.URL.Host == "" || c.URL.Scheme != "ws" && c.URL.Scheme != "wss"):
		return errors.New("--url must be of the form wss://www.example.com/ws")
	case !isHostName(c.Site):
		return fmt.Errorf("--site: %q is not a valid host name", c.Site.Hostname())
	case !isHostName(c.URL):
		return fmt.Errorf("--url: %q is not a valid host name", c.URL.Hostname())
	case c.Idle < 0:
		return errors.New("--idle must not be negative")
	case c.Watch == "" && c.Site == nil && c.URL == nil && !c.Fix:
		return errors.New("--watch, --site and --url are missing: set at least one; each enables more checks")
	}
	return nil
}

// isHostName reports whether an address is nil or has a host name that DNS can have.
func isHostName(address *url.URL) bool {
	if address == nil {
		return true
	}
	_, err := origin.ASCIIName(address.Hostname())
	return err == nil
}

// run prints the findings. The error is check.ErrFailed, possibly joined with another, if a check failed.
func (c *Check) run(ctx context.Context, env Env) error {
	if c.Fix {
		if err := c.fix(ctx, env); err != nil {
			return err
		}
	}
	var idle time.Duration
	if c.URL != nil {
		idle = c.Idle
	}
	end := showProgress(progress.Line{Out: env.Stderr, Terminal: isTerminal(env.Stderr)}, idle)
	findings, err := c.findings(ctx, env)
	end()
	if err != nil {
		return err
	}
	return errors.Join(c.print(findings, env.Stdout), check.Failed(findings))
}

// Findings runs the command check for the relay of the command serve, without its site and its public URL. It takes as
// long as check.Run.
func (c *CLI) Findings(ctx context.Context, env Env) ([]check.Finding, error) {
	command := Check{Serve: c.Serve}
	return command.findings(ctx, env)
}

// findings runs the checks.
func (c *Check) findings(ctx context.Context, env Env) ([]check.Finding, error) {
	settings := c.Settings()
	events, err := settings.EventFilter()
	if err != nil {
		return nil, err
	}
	opts := check.Options{
		Settings:    check.Settings(c.CheckSettings),
		Watch:       func(file string) (mode, reason string) { return env.Probe(file, c.PollInterval) },
		Listen:      c.Listen,
		AdminListen: c.AdminListen,
		ProxyProtocol: check.ProxyProtocol{
			Enabled: c.ProxyProtocol, Trusted: clientaddr.Policy{Trusted: c.TrustedProxy},
		},
		PollInterval: c.PollInterval,
		Origins:      origin.Policy{Allow: c.AllowOrigin, Require: c.RequireOrigin},
		Drafts:       settings.ShowsDrafts(),
		Filter:       events,
	}
	if opts.Path, opts.Companion = c.Watch, companion.Plugin; c.Watch != "" {
		if err := c.locate(&opts, env); err != nil {
			return nil, err
		}
	}
	opts.Files = c.files(opts.File)
	opts.PHP = check.PHP{
		Code: env.PHPCode,
		Constant: func(name string) ([]string, error) {
			return fileop.Do("read configuration in", c.Watch, check.FileLimit, func() ([]string, error) {
				return env.ConfigConstant(c.Watch, opts.File, name)
			})
		},
	}
	return check.Run(ctx, opts), nil
}

// fix does the missing steps of up, one at a time. Unless --listen is set, the relay listens where only the web server
// reaches it.
func (c *Check) fix(ctx context.Context, env Env) error {
	settings := UpSettings{Watch: c.Watch, Site: c.Site, Path: "/ws", Listen: c.Listen}
	if c.URL != nil {
		settings.Path = c.URL.Path
	}
	if settings.Listen == ":8080" {
		settings.Listen = "127.0.0.1:8080"
	}
	if err := settings.validate(); err != nil {
		return err
	}
	opts, err := settings.options(ctx, env, false, c.Yes)
	if err != nil {
		return err
	}
	opts.OneByOne = true
	return up.Run(ctx, opts)
}

// locate sets the event file, or that the lookup hangs.
func (c *Check) locate(opts *check.Options, env Env) error {
	type located struct{ file, doubt string }
	found, err := fileop.Do("look up", c.Watch, check.FileLimit, func() (l located, err error) {
		l.file, l.doubt, err = env.Locate(c.Watch)
		return l, err
	})
	if errors.Is(err, fileop.ErrHangs) {
		opts.Hangs = c.Watch
		return nil
	}
	opts.File, opts.Doubt = found.file, found.doubt
	return err
}

// files returns the files and directories that the settings name. eventFile is "" if it is not known.
func (c *Check) files(eventFile string) (files []string) {
	settings := c.Settings()
	if state, err := settings.StatePath(eventFile); err == nil && eventFile != "" {
		files = append(files, state)
	}
	for _, file := range append([]string{c.StateDir, c.TLSCert, c.TLSKey}, c.JWTKey...) {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

func (c *Check) print(findings []check.Finding, out *os.File) error {
	if c.JSON {
		return check.PrintJSON(out, findings)
	}
	return check.Print(out, findings, isTerminal(out) && os.Getenv("NO_COLOR") == "")
}
