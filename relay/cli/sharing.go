package cli

import (
	"errors"
	"net/url"

	"wpre-relay/relay/sharedlog/broker"
)

// Sharing are the settings of a relay that works with others, and with other ways in.
type Sharing struct {
	Broker       *url.URL `group:"sharing" placeholder:"URL" help:"Share the history with other relays, over an engine that they all reach: redis:// or rediss:// (Redis), nats:// (JetStream), kafka:// or amqp:// (RabbitMQ); ?stream=NAME for another than wpre-relay. With --watch the relay adds what it captures, without it only serves (default: none; one relay is all there is)."`
	ForwardURL   *url.URL `group:"sharing" name:"forward-url" placeholder:"URL" help:"Hand what clients say to the site, each message as JSON by POST, as https://USER:APPLICATION-PASSWORD@HOST/wp-json/…: with --peer-messages of all clients, else of those whose token says 'forward': true (default: none)."`
	PublishToken Secret   `group:"sharing" placeholder:"SECRET" help:"Take events at POST /publish of --admin-listen, too, from those who have this secret of 16 bytes or more ('Authorization: Bearer SECRET'). Better in WPRE_RELAY_PUBLISH_TOKEN_FILE than here, where others can see it."`
}

// Secret is a setting that is not shown.
type Secret string

// String says no more than whether it is set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "xxxxx"
}

// leastSecret is how long a secret must be, in bytes.
const leastSecret = 16

// validate refuses what cannot be meant.
func (s *Sharing) validate() error {
	if s.Broker != nil {
		if err := broker.Check(s.Broker); err != nil {
			return err
		}
	}
	if s.ForwardURL != nil && (s.ForwardURL.Scheme != "http" && s.ForwardURL.Scheme != "https" || s.ForwardURL.Hostname() == "") {
		return errors.New("--forward-url must be of the form https://host/path")
	}
	if s.PublishToken != "" && len(s.PublishToken) < leastSecret {
		return errors.New("--publish-token must be of 16 bytes or more: openssl rand -hex 32")
	}
	return nil
}

// Role says in a word what a relay is that watches nothing.
func (s *Serve) Role() string {
	if s.PublishToken != "" {
		return "publish"
	}
	return "edge"
}

// Ingests reports whether events are captured here.
func (s *Serve) Ingests() bool { return s.Watch != "" || s.PublishToken != "" }
