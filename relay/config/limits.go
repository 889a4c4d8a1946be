package config

import (
	"errors"

	"wpre-relay/relay/security/clientaddr"
)

// Limits holds the settings that tell clients apart by address and limit their rates.
type Limits struct {
	TrustedProxy  []clientaddr.Network
	ProxyProtocol bool
	HandshakeRate int // requests per second and address; 0: unlimited
	MessageRate   int // messages per second and client, at least 1
}

func (l *Limits) validate() error {
	switch {
	case l.ProxyProtocol && len(l.TrustedProxy) == 0:
		return errors.New("--proxy-protocol needs --trusted-proxy, the networks of the proxies that use it")
	case l.HandshakeRate < 0:
		return errors.New("--handshake-rate must not be negative; 0 means unlimited")
	case l.MessageRate < 1:
		return errors.New("--message-rate must be at least 1")
	}
	return nil
}
