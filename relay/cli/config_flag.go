package cli

import (
	"time"

	"github.com/alecthomas/kong"

	"wpre-relay/relay/fileop"
)

// readLimit bounds the wait for a file that holds settings.
const readLimit = time.Minute

// configFlag is kong.ConfigFlag with a bound for a file system that hangs.
type configFlag string

// BeforeResolve is kong's hook for a flag: it adds the settings in the file.
func (configFlag) BeforeResolve(parser *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFlag))
	resolver, err := fileop.Do("read", path, readLimit, func() (kong.Resolver, error) { return parser.LoadConfig(path) })
	if err != nil {
		return err
	}
	ctx.AddResolver(resolver)
	return nil
}
