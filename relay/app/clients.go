package app

import (
	"path/filepath"

	"wpre-relay/relay/security/origin"
	"wpre-relay/relay/server"
	"wpre-relay/relay/webhook"
)

// serverOptions returns what the settings say about clients, and where the server tells of them.
func (p *parts) serverOptions() server.Options {
	s := p.settings
	options := server.Options{
		Origins:         origin.Policy{Allow: s.AllowOrigin, Require: s.RequireOrigin},
		Authenticate:    p.security.access.Authenticate,
		Filter:          p.security.filter,
		Proxies:         p.security.proxies,
		HandshakeRate:   s.HandshakeRate,
		MessageRate:     s.MessageRate,
		MaxClients:      s.MaxClients,
		MaxClientsPerIP: s.MaxClientsPerIP,
		CatchUp:         s.CatchUp,
		Welcome:         s.Welcome,
		PeerMessages:    s.PeerMessages,
		Delivered:       p.monitor.Delivered,
		Logger:          p.logger,
	}
	if s.ResumeCookie {
		options.ResumeFile = filepath.Join(p.state, "resume.json")
	}
	if p.forward != nil {
		options.Said = func(client, text string) { p.forward.Enqueue(webhook.Message{Text: text, Client: client}) }
	}
	if p.shared != nil {
		options.Behind = p.shared.Disconnected
	}
	return options
}
