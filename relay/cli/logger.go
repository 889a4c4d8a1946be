package cli

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"

	"github.com/alecthomas/kong"
)

// decodeLevel is kong's mapper for log levels.
func decodeLevel(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("level", &text); err != nil {
		return err
	}
	if err := target.Addr().Interface().(*slog.Level).UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q is not a level; the levels are debug, info, warn and error", text)
	}
	return nil
}

// Logger returns a logger in the format of --log-format that writes records of at least --log-level to f, through the
// sink. The logger never blocks.
func (c *CLI) Logger(f *os.File) (*slog.Logger, *LogSink) {
	sink := newLogSink(f)
	c.level.Set(c.LogLevel)
	if c.name == "demo" && c.LogLevel == slog.LevelInfo {
		c.level.Set(slog.LevelWarn) // a quiet log: the address of the page is all that matters
	}
	options := &slog.HandlerOptions{Level: &c.level}
	var handler slog.Handler = slog.NewTextHandler(sink, options)
	if c.LogFormat == "json" || c.LogFormat == "auto" && !isTerminal(f) {
		options.ReplaceAttr = durationInSeconds
		handler = slog.NewJSONHandler(sink, options)
	}
	logger := slog.New(handler)
	sink.resumed = func(dropped uint64) {
		logger.Warn("log lines dropped, the log accepted no lines", "lines", dropped)
	}
	go sink.run()
	return logger, sink
}

// durationInSeconds replaces a duration, which slog would write as a number of nanoseconds.
func durationInSeconds(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindDuration {
		return slog.Float64(attr.Key+"_seconds", attr.Value.Duration().Seconds())
	}
	return attr
}

// isTerminal reports whether f is a character device, such as a terminal. It is also true for /dev/null.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
