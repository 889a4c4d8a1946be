package cli

import (
	"log/slog"
	"os"
)

// Logger returns a logger in the format of --log-format that writes records of at least this level to f.
func (c *CLI) Logger(f *os.File, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" || c.LogFormat == "auto" && !isTerminal(f) {
		return slog.New(slog.NewJSONHandler(f, options))
	}
	return slog.New(slog.NewTextHandler(f, options))
}

// isTerminal reports whether f is a character device, such as a terminal. It is also true for /dev/null.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
