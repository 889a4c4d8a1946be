// Package demo simulates a WordPress site: it writes events as the plugin does, and serves a page that saves posts,
// receives their events from a relay, and shows when each event took each step. It runs no relay: it knows the relay by
// its address and by the callbacks of relay.Trace.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/coder/websocket"
)

// Connect connects to the relay at url. It waits until the relay listens or ctx ends.
func Connect(ctx context.Context, url string) (*websocket.Conn, error) {
	conn, err := dial(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	return conn, nil
}

// SavePosts saves a post at each interval, count times, or until ctx ends if count is 0. It receives each event from
// the relay over conn, which it closes, and prints it with the time from the start of the save.
func SavePosts(ctx context.Context, site *Site, conn *websocket.Conn, every time.Duration, count int, out io.Writer,
) error {
	defer conn.CloseNow()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; count == 0 || n <= count; n++ {
		start := time.Now()
		if _, err := site.Save(fmt.Sprintf("Hello, world, no. %d", n), "publish"); err != nil {
			return err
		}
		_, event, err := conn.Read(ctx)
		if err != nil {
			return ignoreAfterEnd(ctx, fmt.Errorf("receive event: %w", err))
		}
		fmt.Fprintf(out, "after %7.3f ms  %s\n", milliseconds(time.Since(start)), event)
		if n == count {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
	return ignoreAfterEnd(ctx, conn.Close(websocket.StatusNormalClosure, ""))
}

// dial connects to url. While nothing listens there, it tries again until ctx ends. Windows reports a refused
// connection by another error, so that any failed connection is tried again.
func dial(ctx context.Context, url string) (*websocket.Conn, error) {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, _, err := websocket.Dial(ctx, url, nil)
		if failure, ok := errors.AsType[*net.OpError](err); !ok || failure.Op != "dial" {
			return conn, err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ignoreAfterEnd returns err, or nil if ctx has ended, which causes errors by itself.
func ignoreAfterEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
