package verb

import (
	"context"
	"errors"
	"io"
	"os"

	"wpre-relay/relay/bench"
	"wpre-relay/relay/cli"
)

// Bench measures a server and writes to out what that found out, also if it was cut short; how far it is goes to progress.
func Bench(ctx context.Context, b cli.Bench, out io.Writer, progress *os.File) error {
	result, err := bench.Run(ctx, bench.Options{
		Settings: bench.Settings{
			URL:      b.URL,
			Write:    b.Write,
			PID:      b.PID,
			Duration: b.Duration,
			Clients:  b.Clients,
			Stalled:  b.Stalled,
			Churn:    b.Churn,
			Settle:   b.Settle,
			Events:   b.Events,
			Every:    b.Every,
			NoWait:   b.NoWait,
		},
		Size:     int(b.Size),
		Progress: progress,
		Rewrite:  cli.IsTerminal(progress),
	})
	switch {
	case result == nil:
		return err
	case b.JSON:
		return errors.Join(err, result.WriteJSON(out))
	default:
		return errors.Join(err, result.WriteTable(out))
	}
}
