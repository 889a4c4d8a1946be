//go:build !linux

package bench

import (
	"context"
	"errors"
)

// Run returns an error: the clients use system calls that only Linux has.
func Run(context.Context, Options) (*Result, error) {
	return nil, errors.New("bench needs Linux; run it on a Linux machine with --url set to this server")
}
