// Package demo simulates a WordPress site: it writes events as the plugin does, and serves a page that shows them as
// the plugin's page does. It runs no relay and knows the relay only by its address.
package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// NewSite creates a temporary directory that simulates WordPress's root. It returns the directory and the path of its
// event file, which does not exist yet. The caller removes the directory.
func NewSite() (root, file string, err error) {
	root, err = os.MkdirTemp("", "wpre-relay-demo-")
	if err != nil {
		return "", "", err
	}
	dir := filepath.Join(root, "wp-content", "realtime-events")
	return root, filepath.Join(dir, "latest_event.json"), os.MkdirAll(dir, 0o755)
}

// post is the plugin's event for a saved post, in its order of fields.
type post struct {
	Timestamp int64  `json:"timestamp"`
	Type      string `json:"type"`
	PostID    int    `json:"post_id"`
	PostTitle string `json:"post_title"`
	Status    string `json:"status"`
	IsUpdate  bool   `json:"is_update"`
}

// Save writes the event of one saved post to file as the plugin does: it creates the directory if needed, truncates
// the file, writes once and sets the mode.
func Save(file string, id int, title string) error {
	doc, err := json.MarshalIndent(post{time.Now().Unix(), "post_saved", id, title, "publish", false}, "", "    ")
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, doc, 0o644); err != nil {
		return err
	}
	return os.Chmod(file, 0o644)
}

// Connect connects to the relay at url. It waits until the relay listens or ctx ends.
func Connect(ctx context.Context, url string) (*websocket.Conn, error) {
	conn, err := dial(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	return conn, nil
}

// Run saves a post at each interval, count times, or until ctx ends if count is 0. It receives each event from the
// relay over conn, which it closes, and prints it with the time from the save.
func Run(ctx context.Context, file string, conn *websocket.Conn, every time.Duration, count int, out io.Writer) error {
	defer conn.CloseNow()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; count == 0 || n <= count; n++ {
		start := time.Now()
		if err := Save(file, n, fmt.Sprintf("Hello, world, no. %d", n)); err != nil {
			return fmt.Errorf("save post: %w", err)
		}
		_, event, err := conn.Read(ctx)
		if err != nil {
			return ignoreAfterEnd(ctx, fmt.Errorf("receive event: %w", err))
		}
		fmt.Fprintf(out, "after %7.3f ms  %s\n", float64(time.Since(start).Microseconds())/1000, event)
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

// dial connects to url. While the connection is refused, it tries again until ctx ends.
func dial(ctx context.Context, url string) (*websocket.Conn, error) {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, _, err := websocket.Dial(ctx, url, nil)
		if !errors.Is(err, syscall.ECONNREFUSED) {
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

//go:embed page.html
var page string

// Page returns a handler for the page. Its script connects to port on the host of the page.
func Page(port string) http.Handler {
	parsed := template.Must(template.New("page").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		parsed.Execute(w, port)
	})
}
