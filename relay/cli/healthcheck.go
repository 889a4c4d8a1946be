package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"wpre-relay/relay/check"
	"wpre-relay/relay/config"
	"wpre-relay/relay/security/clientaddr"
)

// Healthcheck has the flags of the health check for containers. They are flags of the relay, whose environment it
// reads.
type Healthcheck struct {
	Listen        string               `placeholder:"ADDR" default:":8080"`
	TrustedProxy  []clientaddr.Network `placeholder:"CIDR"`
	ProxyProtocol bool
}

var healthcheckHelp = helpTexts{
	"--listen":         "Address of the relay (default: ${default}).",
	"--trusted-proxy":  "The relay's --trusted-proxy; may be repeated (default: none).",
	"--proxy-protocol": "Send a PROXY protocol header if the relay requires one from this machine.",
}

func (h *Healthcheck) validate() error { return config.ValidateAddress("--listen", h.Listen) }

func (h *Healthcheck) run(ctx context.Context, _ Env) error {
	trusted := clientaddr.Policy{Trusted: h.TrustedProxy}
	err := check.Live(ctx, h.Listen, check.ProxyProtocol{Enabled: h.ProxyProtocol, Trusted: trusted})
	if errors.Is(err, io.EOF) && !h.ProxyProtocol {
		return fmt.Errorf("the relay closes the connection: %w; if it has --proxy-protocol, set that flag and "+
			"--trusted-proxy here too", err)
	}
	return err
}
