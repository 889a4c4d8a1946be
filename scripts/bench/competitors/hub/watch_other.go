//go:build !linux

package hub

import "errors"

// watch returns an error: the benchmarks need Linux.
func watch(string) (func() error, error) { return nil, errors.New("the competitors need Linux") }
