package cli

import (
	"net/url"

	"wpre-relay/relay/config"
)

// Integrations has the flags of config.Integrations.
type Integrations struct {
	Broker       *url.URL      `placeholder:"URL"`
	ForwardURL   *url.URL      `name:"forward-url" placeholder:"URL"`
	PublishToken config.Secret `placeholder:"SECRET"`
}

var integrationHelp = helpTexts{
	"--broker": "Share the history with other relays through this broker: redis:// or rediss:// (Redis; " +
		"redis+sentinel:// and redis+cluster:// with several hosts), nats:// (JetStream), kafka:// or amqp:// " +
		"(RabbitMQ); ?stream=NAME selects a stream other than wpre-relay, ?replicas=N its replicas. With " +
		"--watch, the relay adds the events that it captures; without, it only serves (default: none, the history " +
		"is its own). WPRE_RELAY_BROKER_FILE hides a password.",
	"--forward-url": "Forward clients' messages to this URL of the site, each as JSON by POST: with --peer-messages " +
		"from all clients, otherwise from clients whose token contains 'forward': true (default: none). Other users " +
		"of this machine can see it here; WPRE_RELAY_FORWARD_URL_FILE hides it. A URL with a password is of the form " +
		"https://USER:APPLICATION-PASSWORD@HOST/wp-json/….",
	"--publish-token": "Accept events at POST /publish of --admin-listen from clients with this secret of 16 " +
		"bytes or more ('Authorization: Bearer SECRET'). Other users of this machine can see it here; " +
		"WPRE_RELAY_PUBLISH_TOKEN_FILE hides it.",
}

// Admin has the flags of config.Admin.
type Admin struct {
	AdminListen string `placeholder:"ADDR" default:"127.0.0.1:8081"`
	Pprof       bool
}

var adminHelp = helpTexts{
	"--admin-listen": "Address for operators: status page, /metrics, /livez, /readyz and /api/status; 'off' for " +
		"none (default: ${default}).",
	"--pprof": "Serve Go's profiles at /debug/pprof/ of --admin-listen.",
}
