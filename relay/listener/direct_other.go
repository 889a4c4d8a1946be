//go:build !linux

package listener

import "net"

// direct returns the listener: on these systems, package net accepts connections.
func direct(listener net.Listener) net.Listener { return listener }
