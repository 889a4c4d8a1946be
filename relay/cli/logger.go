package cli

import (
	"log/slog"
	"os"
)

// Logger returns the logger that was asked for, writing to f what is of this level.
func (c *CLI) Logger(f *os.File, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" || c.LogFormat == "auto" && !IsTerminal(f) {
		return slog.New(slog.NewJSONHandler(f, options))
	}
	return slog.New(slog.NewTextHandler(f, options))
}

// IsTerminal reports whether somebody may be looking at f.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
