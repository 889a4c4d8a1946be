package config

import (
	"errors"
	"time"

	"wpre-relay/relay/security/origin"
)

// Clients holds the settings of the public listener and of the clients that it serves.
type Clients struct {
	Listen          string
	AllowOrigin     []origin.Pattern // origins allowed besides those with the host name of the request
	RequireOrigin   bool
	MaxClients      int           // 0: as many as the limit of open files allows
	MaxClientsPerIP int           // 0: unlimited
	CatchUp         time.Duration // 0: never
	ResumeCookie    bool
	Drain           time.Duration
	Welcome         string // "": no message
	PeerMessages    bool
}

func defaultClients() Clients {
	return Clients{Listen: ":8080", CatchUp: 10 * time.Second, Drain: 3 * time.Second}
}

func (c *Clients) validate() error {
	switch {
	case c.MaxClients < 0:
		return errors.New("--max-clients must not be negative; 0 means as many as the limit of open files allows")
	case c.MaxClientsPerIP < 0:
		return errors.New("--max-clients-per-ip must not be negative; 0 means unlimited")
	case c.CatchUp < 0:
		return errors.New("--catch-up must not be negative; 0 turns it off")
	case c.Drain < 0:
		return errors.New("--drain must not be negative")
	}
	return ValidateAddress("--listen", c.Listen)
}
