//go:build !linux

package up

import (
	"context"
	"errors"
)

var errLinux = errors.New("up and down need Linux with systemd")

// Run returns an error: it works on Linux only.
func Run(context.Context, Options) error { return errLinux }

// Down returns an error: it works on Linux only.
func Down(context.Context, Options) error { return errLinux }
