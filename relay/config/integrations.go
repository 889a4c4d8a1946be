package config

import (
	"errors"
	"net/url"

	"wpre-relay/relay/sharedlog/broker"
)

// minSecretLength is the least length of a shared secret, in bytes: 128 bits.
const minSecretLength = 16

// Integrations holds the settings for services that the relay works with. The zero value uses none.
type Integrations struct {
	Broker       *url.URL // nil: this relay does not share its history
	ForwardURL   *url.URL // nil: messages of clients are not forwarded
	PublishToken Secret   // "": events are not accepted over HTTP
}

func (i *Integrations) validate() error {
	if i.Broker != nil {
		if err := broker.Check(i.Broker); err != nil {
			return err
		}
	}
	if i.ForwardURL != nil && (!isHTTP(i.ForwardURL) || i.ForwardURL.Hostname() == "") {
		return errors.New("--forward-url must be of the form https://host/path")
	}
	if i.PublishToken != "" && len(i.PublishToken) < minSecretLength {
		return errors.New("--publish-token must have 16 bytes or more; to create one: openssl rand -hex 32")
	}
	return nil
}

// Secret is a text that is never printed.
type Secret string

// String returns a placeholder, or "" if the secret is not set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "xxxxx"
}
