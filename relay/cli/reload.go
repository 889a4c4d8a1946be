package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// ReloadOnHangup catches SIGHUP from now on. The function that it returns handles each one until ctx ends: it calls
// reloadKeys, and sets the level of the logger to --log-level, which the configuration file may have changed.
func (c *CLI) ReloadOnHangup(logger *slog.Logger) func(ctx context.Context, reloadKeys func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return func(ctx context.Context, reloadKeys func()) {
		for {
			select {
			case <-hangups:
				reloadKeys()
				c.reloadLevel(logger)
			case <-ctx.Done():
				return
			}
		}
	}
}

func (c *CLI) reloadLevel(logger *slog.Logger) {
	current, err := c.again()
	if err != nil {
		logger.Error("reload failed, keeping the log level", "error", err)
		return
	}
	c.level.Set(current.LogLevel)
	logger.Info("reloaded keys, certificates and log level", "level", current.LogLevel)
}
