package app

import (
	"net/http"
	"path/filepath"

	"wpre-relay/relay/listener"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/origin"
	"wpre-relay/relay/server"
	"wpre-relay/relay/webhook"
)

// serverOptions returns the options of the public HTTP server.
func (c *components) serverOptions() server.Options {
	s := c.settings
	options := server.Options{
		Origins:         origin.Policy{Allow: s.AllowOrigin, Require: s.RequireOrigin},
		Hosts:           origin.HostPolicy{Port: loopbackPort(c.public.socket.Addr()), Allow: s.AllowOrigin},
		Authenticate:    c.security.access.Authenticate,
		Filter:          c.security.filter,
		Proxies:         c.security.proxies,
		HandshakeRate:   s.HandshakeRate,
		MessageRate:     s.MessageRate,
		MaxClients:      s.MaxClients,
		MaxClientsPerIP: s.MaxClientsPerIP,
		CatchUp:         s.CatchUp,
		Welcome:         s.Welcome,
		PeerMessages:    s.PeerMessages,
		OnDelivered:     c.monitor.AddDelivery,
		Logger:          c.logger,
	}
	if s.AuthURL != nil {
		options.Authenticate = func(r *http.Request, address string) (access.Identity, error) {
			listener.MayBlock(r.Context()) // the site may take seconds
			return c.security.access.Authenticate(r, address)
		}
	}
	if s.ResumeCookie {
		options.FS, options.ResumeFile = c.files, filepath.Join(c.stateDir, "resume.json")
	}
	if c.forward != nil {
		options.OnMessage = func(client, text string) { c.forward.Enqueue(webhook.Message{Text: text, Client: client}) }
	}
	if c.shared != nil {
		options.BrokerUnreachable = c.shared.Disconnected
	}
	return options
}
