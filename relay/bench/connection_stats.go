package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// connectionStats counts connections by their outcome. All fields except connected also count transient clients.
type connectionStats struct {
	pending    int         // handshakes in progress
	connected  int         // clients that completed the handshake
	rejected   int         // connections without a completed handshake
	closed     map[int]int // connections that the server closed, by close code
	violations int         // connections on which the server violated the protocol

	firstRejection error // why the first connection was rejected
	firstViolation error // the first protocol violation
}

// statusAbnormal is the close code of a connection that ends without a close frame (RFC 6455 §7.1.5).
const statusAbnormal = 1006

// reject counts a connection whose handshake failed.
func (c *connectionStats) reject(why error) {
	c.pending--
	c.rejected++
	if c.firstRejection == nil {
		c.firstRejection = why
	}
}

// addViolation counts a connection on which the server violated the protocol.
func (c *connectionStats) addViolation(err error) {
	c.violations++
	if c.firstViolation == nil {
		c.firstViolation = err
	}
}

// describeCloses returns the number of closed connections for each close code, and the number of protocol errors.
func describeCloses(byCode map[int]int, errors int) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		parts = append(parts, fmt.Sprintf("%d with %d", byCode[code], code))
	}
	if errors > 0 {
		parts = append(parts, fmt.Sprintf("%d with protocol errors", errors))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
