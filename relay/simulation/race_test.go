//go:build race

package simulation

import "time"

// defaultDuration is short with the race detector, which makes each seed slower: CI also runs TestSimulation without.
const defaultDuration = 4 * time.Second
