package cli

import (
	"context"

	"wpre-relay/relay/check"
)

// Healthcheck has the flags of the health check for containers.
type Healthcheck struct {
	Listen string `placeholder:"ADDR" default:":8080" help:"Address of the relay (default: ${default})."`
}

func (*Healthcheck) validate() error { return nil }

func (h *Healthcheck) run(ctx context.Context, _ Env) error { return check.Live(ctx, h.Listen) }
