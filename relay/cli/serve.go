package cli

import (
	"context"

	"wpre-relay/relay"
	"wpre-relay/relay/config"
)

// Serve has the flags of the relay. Each embedded struct has the same fields in the same order as its namesake in
// package config, so that the compiler checks the conversion between the two.
type Serve struct {
	Capture      `group:"capture"`
	Clients      `group:"clients"`
	TLS          `group:"tls"`
	Access       `group:"access"`
	Limits       `group:"limits"`
	Integrations `group:"integrations"`
	Admin        `group:"admin"`
}

// serveDetail is the help of serve above its flags.
const serveDetail = description + `

Each flag can also be set in the environment: --max-clients as WPRE_RELAY_MAX_CLIENTS, or as
WPRE_RELAY_MAX_CLIENTS_FILE, the name of a file that contains the value; where the value is itself the name of a file,
both are that name. It can also be set in the configuration file. Flags override the environment, and the environment
overrides the file. Empty variables count as unset, but an empty security setting is an error.`

// Help implements kong.HelpProvider.
func (*Serve) Help() string { return serveDetail }

// serveHelp lists the help of all flags of Serve.
var serveHelp = []helpTexts{captureHelp, clientHelp, tlsHelp, accessHelp, limitHelp, integrationHelp, adminHelp}

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

func (s *Serve) run(ctx context.Context, env Env) error {
	return env.Serve(ctx, s.Settings(), relay.Trace{})
}
