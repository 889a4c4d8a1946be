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
		URL:      b.URL,
		File:     b.Write,
		Process:  b.PID,
		Clients:  b.Clients,
		Stalled:  b.Stalled,
		Churn:    b.Churn,
		Events:   b.Events,
		Size:     int(b.Size),
		Every:    b.Every,
		NoWait:   b.NoWait,
		Settle:   b.Settle,
		Duration: b.Duration,
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
