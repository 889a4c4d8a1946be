package cli

import (
	"time"

	"wpre-relay/relay/security/origin"
)

// Clients has the flags of config.Clients.
type Clients struct {
	Listen          string           `placeholder:"ADDR" default:":8080"`
	AllowOrigin     []origin.Pattern `placeholder:"ORIGIN"`
	RequireOrigin   bool
	MaxClients      int           `placeholder:"N" default:"0"`
	MaxClientsPerIP int           `name:"max-clients-per-ip" placeholder:"N" default:"0"`
	CatchUp         time.Duration `placeholder:"TIME" default:"10s"`
	ResumeCookie    bool
	Drain           time.Duration `placeholder:"TIME" default:"3s"`
	Welcome         string        `placeholder:"TEXT"`
	PeerMessages    bool
}

var clientHelp = helpTexts{
	"--listen": "Address for clients, which may use any path (default: ${default}).",
	"--allow-origin": "Admit pages from this origin, for example https://example.com or https://*.example.com; " +
		"may be repeated (default: only pages with the relay's host name).",
	"--require-origin": "Reject clients that send no Origin header; browsers always send one.",
	"--max-clients":    "Maximum number of clients (default: 0, as many as the limit of open files allows).",
	"--max-clients-per-ip": "Maximum number of clients and of requests for /history in progress from one address " +
		"(default: 0, unlimited). Behind a proxy that is not trusted, all clients can have the same address.",
	"--catch-up": "Time after a start in which a page that connects first gets the events that were written while " +
		"the relay was down (default: ${default}; 0: never).",
	"--resume-cookie": "Set a session cookie, so that the plugin's page gets the events that it missed when it " +
		"reconnects within 2 minutes.",
	"--drain": "Time over which the relay spreads the closing of connections when it stops (default: ${default}).",
	"--welcome": "Send this text to each new client, as the recipe's Node server does (default: none; the " +
		"plugin's page logs an error for it).",
	"--peer-messages": "Send each client's messages to all other clients as 'Broadcast: …', as the recipe's Node " +
		"server does.",
}
