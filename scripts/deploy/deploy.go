// Package deploy holds the systemd unit of a relay, so that the program can install it.
package deploy

import _ "embed"

// Unit is wpre-relay.service.
//
//go:embed wpre-relay.service
var Unit string
