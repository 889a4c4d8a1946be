package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// census counts what became of connections.
type connectionStats struct {
	pending    int // handshakes under way
	connected  int // clients that were admitted; the rest counts them and visitors
	rejected   int
	closed     map[int]int // by the server, by the code of its close frame
	violations int         // ended for breaking the protocol

	firstRejection error // of the first that was refused
	firstViolation error // the first breach of the protocol
}

// noClose is the code of connections that end without a close frame (RFC 6455 §7.1.5).
const statusAbnormal = 1006

// refuse counts a connection that was not admitted.
func (c *connectionStats) reject(why error) {
	c.pending--
	c.rejected++
	if c.firstRejection == nil {
		c.firstRejection = why
	}
}

// violate counts a connection on which the server broke the protocol.
func (c *connectionStats) addViolation(how error) {
	c.violations++
	if c.firstViolation == nil {
		c.firstViolation = how
	}
}

// endings says how many connections ended with which code, and how many for errors.
func describeCloses(byCode map[int]int, errors int) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		parts = append(parts, fmt.Sprintf("%d with %d", byCode[code], code))
	}
	if errors > 0 {
		parts = append(parts, fmt.Sprintf("%d for errors", errors))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
