// Package tail is a client that prints what a relay sends.
package tail

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// maxMessage bounds what one message may weigh, in bytes; the relay's own bound is below it by far as a rule.
const maxMessage = 64 << 20

// Run connects to the relay at address and writes each message to out as one line, until ctx ends; then it returns
// nil. If the connection is lost it connects again, for as long as it takes. That the first connection fails is an
// error.
func Run(ctx context.Context, address string, out io.Writer, logger *slog.Logger) error {
	url := webSocketURL(address)
	conn, err := dial(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", url, err)
	}
	for {
		logger.Info("connected", "url", url)
		if err := copyMessages(ctx, conn, out); err != nil {
			return err
		}
		for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
			if conn, err = dial(ctx, url); err == nil {
				break
			}
			logger.Info("the relay cannot be reached; trying again", "in", wait, "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// dial connects without limit on what is read.
func dial(ctx context.Context, url string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

// copyMessages returns an error only if out cannot be written.
func copyMessages(ctx context.Context, conn *websocket.Conn, out io.Writer) error {
	defer conn.CloseNow()
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			return nil
		}
		if _, err := out.Write(append(message, '\n')); err != nil {
			return fmt.Errorf("print an event: %w", err)
		}
	}
}

// webSocketURL completes what an operator may type: "localhost:8080", or the address of a page.
func webSocketURL(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	switch {
	case !ok:
		return "ws://" + address
	case scheme == "http":
		return "ws://" + rest
	case scheme == "https":
		return "wss://" + rest
	default:
		return address
	}
}
