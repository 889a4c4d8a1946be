// Package config holds the settings of the relay as plain Go values, with their defaults and their validation. It
// reads no command line, no environment and no file; package cli does. Errors name a setting by its flag, since
// operators know it by that name.
package config

import "errors"

// Relay holds all settings of a relay. Default returns the values that apply when an operator sets nothing.
type Relay struct {
	Capture
	Clients
	Security
	Integrations
	Admin
}

// Security holds the settings for encryption, access and rate limits.
type Security struct {
	TLS
	Access
	Limits
}

// Default returns the settings of a relay for which an operator sets nothing. They are not valid yet: Watch, Broker
// or PublishToken is missing.
func Default() Relay {
	return Relay{
		Capture: defaultCapture(),
		Clients: defaultClients(),
		Security: Security{
			TLS:    TLS{ACMEListen: Off},
			Access: defaultAccess(),
			Limits: Limits{MessageRate: 100},
		},
		Admin: Admin{AdminListen: "127.0.0.1:8081"},
	}
}

// Validate returns an error that names the flag, if a value is out of its range or contradicts another one.
func (r *Relay) Validate() error {
	if r.Watch == "" && r.Broker == nil && r.PublishToken == "" {
		return errors.New("--watch is missing: set it to the path of WordPress, of its wp-content or of the event " +
			"file (to try the relay without WordPress: wpre-relay demo)")
	}
	if err := r.Capture.validate(); err != nil {
		return err
	}
	if err := r.Clients.validate(); err != nil {
		return err
	}
	if r.PublishToken != "" && r.AdminListen == Off {
		return errors.New("--publish-token needs --admin-listen, which is off")
	}
	if r.ForwardURL != nil && !r.PeerMessages && !r.Authenticates() {
		return errors.New("--forward-url forwards nothing without --peer-messages (messages of all clients) or " +
			"--jwt-key (messages of clients whose token allows it); add one of them")
	}
	if err := validateOptionalAddress("--admin-listen", r.AdminListen); err != nil {
		return err
	}
	return errors.Join(r.TLS.validate(), r.Access.validate(), r.Limits.validate(), r.Integrations.validate())
}

// Role names a relay that watches no file: "publish" if it takes events over HTTP, else "edge".
func (r *Relay) Role() string {
	if r.PublishToken != "" {
		return "publish"
	}
	return "edge"
}

// Ingests reports whether this relay takes events in itself, from a file or over HTTP.
func (r *Relay) Ingests() bool { return r.Watch != "" || r.PublishToken != "" }
