package cli

import (
	"context"
	"errors"

	"wpre-relay/relay/tail"
)

// Tail has the arguments of the client that prints events.
type Tail struct {
	URL   string `arg:"" optional:"" default:"ws://localhost:8080/" help:"URL of the relay (default: ${default})."`
	Last  int    `placeholder:"N" default:"0" help:"Number of past events to print first (default: ${default})."`
	Since string `placeholder:"POSITION"`
	Token string `placeholder:"TOKEN"`
}

var tailHelp = helpTexts{
	"--since": "Print all events after this position, as /history shows it (default: now).",
	"--token": "Token for a relay that requires one. Other users of this machine can see it here; " +
		"WPRE_RELAY_TOKEN or WPRE_RELAY_TOKEN_FILE hides it.",
}

func (t *Tail) validate() error {
	if t.Last < 0 {
		return errors.New("--last must not be negative")
	}
	return nil
}

func (t *Tail) run(ctx context.Context, env Env) error {
	options := tail.Options{Since: t.Since, Last: t.Last, Token: t.Token}
	return tail.Run(ctx, t.URL, options, env.Stdout, env.Logger)
}
