package cli

import (
	"net/url"
	"time"

	"wpre-relay/relay/config"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/origin"
)

// Capture has the flags of config.Capture.
type Capture struct {
	Watch        string        `placeholder:"PATH" help:"What to watch: WordPress's root, wp-content, realtime-events or the event file itself; it need not exist yet. Required, but with --broker or --publish-token."`
	StateDir     string        `placeholder:"DIR" help:"Where to remember what was sent, across restarts (default: $$STATE_DIRECTORY, else wpre-relay in $$XDG_STATE_HOME or ~/.local/state)."`
	History      int           `placeholder:"N" default:"10000" help:"How many events to remember (default: ${default})."`
	HistoryAge   time.Duration `placeholder:"TIME" default:"0" help:"For how long to give them to clients that resume; they go from the disk within twice that, but for the newest (default: 0, no limit)."`
	Debounce     time.Duration `placeholder:"TIME" default:"50ms" help:"How long a half-written file may wait for its rest before it counts as invalid; whole ones never wait (default: ${default})."`
	PollInterval time.Duration `placeholder:"TIME" default:"0" help:"Read the file at this pace instead of being notified by the kernel (default: 0, only where notifications cannot work, every 100ms)."`
	MaxEventSize config.Size   `placeholder:"SIZE" default:"1MiB" help:"Largest event, in bytes, KiB or MiB (default: ${default})."`
}

// Clients has the flags of config.Clients.
type Clients struct {
	Listen          string           `placeholder:"ADDR" default:":8080" help:"Where browsers connect, on any path (default: ${default})."`
	AllowOrigin     []origin.Pattern `placeholder:"ORIGIN" help:"Also admit pages from here: https://example.com, or https://*.example.com; may be repeated (default: only pages of the same host name)."`
	RequireOrigin   bool             `help:"Refuse clients that send no origin; browsers always do."`
	MaxClients      int              `placeholder:"N" default:"0" help:"Most clients at once (default: 0, as many as the limit of open files allows)."`
	MaxClientsPerIP int              `name:"max-clients-per-ip" placeholder:"N" default:"0" help:"Most clients at once from one address; behind a proxy all may have the same (default: 0, no limit)."`
	CatchUp         time.Duration    `placeholder:"TIME" default:"10s" help:"For how long after a start a page that connects first gets what happened while the relay was down (default: ${default}; 0: never)."`
	ResumeCookie    bool             `help:"Give the plugin's page a session cookie, and when it comes back, within 2 minutes, what happened meanwhile."`
	Drain           time.Duration    `placeholder:"TIME" default:"3s" help:"Spread the closing of many connections over this time when stopping (default: ${default})."`
	Welcome         string           `placeholder:"TEXT" help:"Greet each client with this text, as the recipe's Node server does (default: none; the plugin's page logs an error for it)."`
	PeerMessages    bool             `help:"Send each client's messages to all others as 'Broadcast: …', as the recipe's Node server does."`
}

// TLS has the flags of config.TLS.
type TLS struct {
	TLSCert       string   `name:"tls-cert" placeholder:"FILE" help:"Speak TLS with this certificate, in PEM, with those between it and its authority behind; with --tls-key. Both are read again when they change, and on SIGHUP."`
	TLSKey        string   `name:"tls-key" placeholder:"FILE" help:"The certificate's private key, in PEM."`
	ACMEDomain    []string `name:"acme-domain" placeholder:"NAME" help:"Speak TLS with a certificate for this host name from Let's Encrypt, whose terms of service that accepts; may be repeated. Port 443 of that name must lead to --listen, or port 80 to --acme-listen."`
	ACMEEmail     string   `name:"acme-email" placeholder:"ADDRESS" help:"Where the authority writes to about problems."`
	ACMEDirectory *url.URL `name:"acme-directory" placeholder:"URL" help:"Another authority's ACME directory."`
	ACMEListen    string   `name:"acme-listen" placeholder:"ADDR" default:"off" help:"Where to answer the authority over plain HTTP, and send others to HTTPS: ':80' (default: ${default})."`
}

// Access has the flags of config.Access.
type Access struct {
	JWTKey         []string       `name:"jwt-key" type:"path" placeholder:"FILE" help:"Ask for a JSON Web Token signed with a key in this file: a secret of 32 bytes or more (HS256), or public keys in PEM (RS256, ES256, EdDSA). Read again when it changes, and on SIGHUP; may be repeated, while keys change. In the environment both WPRE_RELAY_JWT_KEY and WPRE_RELAY_JWT_KEY_FILE name the file."`
	JWTAudience    string         `name:"jwt-audience" placeholder:"NAME" help:"Tokens must be for this audience (aud)."`
	JWTIssuer      string         `name:"jwt-issuer" placeholder:"NAME" help:"Tokens must be from this issuer (iss)."`
	JWTCookie      string         `name:"jwt-cookie" placeholder:"NAME" help:"Take a token from this cookie, too."`
	AuthURL        *url.URL       `name:"auth-url" placeholder:"URL" help:"Ask the site about those without a token: it gets their cookies and origin, and admits them with 2xx. A JSON object in its answer counts as a token's claims."`
	AllowAnonymous bool           `help:"With --jwt-key or --auth-url, admit everybody else as well, as the public."`
	PublicStatus   []string       `placeholder:"STATUS" help:"Show the public only events of this status, as 'publish'; who has a token sees all. May be repeated (default: drafts, too, are sent to everybody)."`
	Filter         *filter.Filter `placeholder:"EXPR" help:"Show a client only events for which this is true: an expression over type, status, post_id, post_title, is_update, timestamp, event.FIELD, token (true or false) and claims.NAME, as 'status == \"publish\" or \"editor\" in claims.roles'."`
}

// Limits has the flags of config.Limits.
type Limits struct {
	TrustedProxy  []clientaddr.Network `placeholder:"CIDR" help:"Proxies that are believed when they say, in X-Forwarded-For or Forwarded, for whom they speak; may be repeated (default: none)."`
	ProxyProtocol bool                 `help:"Trusted proxies say it with the PROXY protocol, and must."`
	HandshakeRate int                  `placeholder:"N" default:"0" help:"Most requests a second from one address, ten seconds' worth at once; behind a proxy that is not trusted all may have the same (default: 0, no limit)."`
	MessageRate   int                  `placeholder:"N" default:"100" help:"Most messages a second from one client, pings included; one beyond it is closed with 1008 (default: ${default})."`
}

// Integrations has the flags of config.Integrations.
type Integrations struct {
	Broker       *url.URL      `placeholder:"URL" help:"Share the history with other relays, over an engine that they all reach: redis:// or rediss:// (Redis), nats:// (JetStream), kafka:// or amqp:// (RabbitMQ); ?stream=NAME for another than wpre-relay. With --watch the relay adds what it captures, without it only serves (default: none; one relay is all there is)."`
	ForwardURL   *url.URL      `name:"forward-url" placeholder:"URL" help:"Hand what clients say to the site, each message as JSON by POST, as https://USER:APPLICATION-PASSWORD@HOST/wp-json/…: with --peer-messages of all clients, else of those whose token says 'forward': true (default: none)."`
	PublishToken config.Secret `placeholder:"SECRET" help:"Take events at POST /publish of --admin-listen, too, from those who have this secret of 16 bytes or more ('Authorization: Bearer SECRET'). Better in WPRE_RELAY_PUBLISH_TOKEN_FILE than here, where others can see it."`
}

// Admin has the flags of config.Admin.
type Admin struct {
	AdminListen string `placeholder:"ADDR" default:"127.0.0.1:8081" help:"Where operators look: a page that shows what happens, /metrics, /livez, /readyz and /api/status; 'off' for nowhere (default: ${default})."`
	Pprof       bool   `help:"Give Go's profiles there as well, at /debug/pprof/."`
}
