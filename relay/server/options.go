package server

import (
	"log/slog"
	"net/http"
	"time"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/durable"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/origin"
)

// Options for New. The zero value works.
type Options struct {
	// Origins defines which pages may connect. Default: pages with the host name of the request.
	Origins origin.Policy

	// Hosts defines which host names requests may have, on every path. Default: all.
	Hosts origin.HostPolicy

	// Authenticate returns the identity of the client that sent the request from the given address. An error that is
	// not an *access.Rejection counts as access.Unavailable. Default: every client is the public.
	Authenticate func(r *http.Request, address string) (access.Identity, error)

	// Filter decides which events a client sees. Default: every client sees every event.
	Filter *filter.Filter

	// BrokerUnreachable is set if the log mirrors a broker's stream. Such a log may have records without an event,
	// and may lack records that other relays have already sent. BrokerUnreachable reports whether the mirror cannot
	// be updated now. Default nil: the log is complete.
	BrokerUnreachable func() bool

	// Proxies defines the proxies that are trusted to name the client's address. Default: none.
	Proxies clientaddr.Policy

	// HandshakeRate limits the requests per second and address; in IPv6, per /64. A burst may have ten times as many.
	// All clients behind a proxy that is not in Proxies share one address. Default: unlimited.
	HandshakeRate int

	// MessageRate limits the frames per second from one client; beyond it, the client is closed with 1008. Default:
	// the default of fanout.Options.
	MessageRate int

	// MaxClients limits the clients. Default and maximum: the number that the limit of open files leaves room for.
	MaxClients int

	// MaxClientsPerIP limits the clients and the requests for /history in progress, per address; in IPv6, per /64.
	// Default: unlimited.
	MaxClientsPerIP int

	// Buffers bounds the bytes that are buffered for clients that read slowly. It is divided between the networks that
	// clientaddr.NetworkOf returns. Default: a budget of fanout.DefaultBuffers.
	Buffers *budget.Budget

	// CatchUp is how long after New a client that connects for the first time gets the catch-up events: its page was
	// connected to the previous process and reconnects without a position. Default 0: never.
	CatchUp time.Duration

	// ResumeFile is the file that holds the sessions during a graceful restart. If it is set, a plain client gets a
	// session cookie in the handshake, and after a lost connection it resumes with the events that it missed. Default
	// "": no cookie.
	ResumeFile string

	// FS is the file system of ResumeFile. Default: that of the operating system.
	FS durable.FS

	// Welcome is a text message that every plain client gets first. The plugin's page logs an error if it is not
	// JSON. Default: none.
	Welcome string

	// PeerMessages sends each client's messages to all other clients. Default: messages are dropped.
	PeerMessages bool

	// OnMessage is called with each message from a client, and the sub of the client's token, if any. Without
	// PeerMessages, only clients with the claim "forward": true are heard. It must not block. Default nil: not
	// called.
	OnMessage func(client, text string)

	// OnDelivered is called with the delivery latency of each event; see fanout.Options. Default nil: not called.
	OnDelivered func(time.Duration)

	// Logger logs rejections, and at debug level clients. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.FS == nil {
		o.FS = durable.OS
	}
	if o.Buffers == nil {
		o.Buffers = budget.New(fanout.DefaultBuffers)
	}
	if o.Authenticate == nil {
		o.Authenticate = access.New(access.Options{}).Authenticate
	}
	if limit := listener.MaxClients(); limit > 0 && (o.MaxClients == 0 || limit < o.MaxClients) {
		o.MaxClients = limit
	}
	return o
}
