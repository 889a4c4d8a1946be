//go:build !linux

package bench

import (
	"context"
	"errors"
)

// Run returns an error: the clients are made of what only Linux has.
func Run(context.Context, Options) (*Result, error) {
	return nil, errors.New("bench needs Linux; run it there, against this server with --url")
}
