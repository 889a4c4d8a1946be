package verb

import (
	"context"
	"errors"
	"os"
	"time"

	"wpre-relay/relay/check"
	"wpre-relay/relay/cli"
	"wpre-relay/relay/security/origin"
)

// Watching is what there is to know of how a file would be watched.
type Watching struct {
	// Locate finds the event file from a path that an operator gives; sure is false if it had to guess.
	Locate func(path string) (file string, sure bool, err error)

	// Probe returns how the file would be watched now, and why it would be polled.
	Probe func(file string, pollInterval time.Duration) (mode, reason string)
}

// Check looks around the relay and writes to out what it has found. The error is check.ErrFailed, joined, if something is
// wrong there.
func Check(ctx context.Context, c cli.Check, watching Watching, out *os.File) error {
	settings := c.Settings()
	opts := check.Options{
		Settings:    check.Settings{Site: c.Site, URL: c.URL, Idle: c.Idle},
		Watch:       func(file string) (mode, reason string) { return watching.Probe(file, c.PollInterval) },
		Listen:      c.Listen,
		AdminListen: c.AdminListen,
		Origins:     origin.Policy{Allow: c.AllowOrigin, Require: c.RequireOrigin},
		Drafts:      settings.ShowsDrafts(),
	}
	if c.Serve.Watch != "" {
		var err error
		if opts.File, opts.Sure, err = watching.Locate(c.Serve.Watch); err != nil {
			return err
		}
	}
	findings := check.Run(ctx, opts)
	return errors.Join(printFindings(findings, c.JSON, out), check.Failed(findings))
}

func printFindings(findings []check.Finding, asJSON bool, out *os.File) error {
	if asJSON {
		return check.PrintJSON(out, findings)
	}
	return check.Print(out, findings, cli.IsTerminal(out) && os.Getenv("NO_COLOR") == "")
}
