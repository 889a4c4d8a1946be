//go:build !race

package simulation

import "time"

const defaultDuration = 20 * time.Second
