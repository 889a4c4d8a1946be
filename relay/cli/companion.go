package cli

import (
	"context"

	"wpre-relay/relay/companion"
)

// Companion prints the must-use plugin.
type Companion struct{}

func (*Companion) validate() error { return nil }

func (*Companion) run(_ context.Context, env Env) error {
	_, err := env.Stdout.Write(companion.Plugin)
	return err
}
