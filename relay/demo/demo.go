// Package demo stands in for a WordPress site: it writes events as the plugin does, and has a page that shows them
// as the plugin's page does. It knows the relay only by its address.
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

// NewSite makes a folder that stands in for WordPress's root, and returns it with the file in it that the plugin
// would write. The caller removes it.
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

// Save writes the event of one saved post to file as PHP does: the file is emptied, written with one write and its
// mode is set; the directory is made if need be.
func Save(file string, id int, title string) error {
	doc, err := json.MarshalIndent(post{time.Now().Unix(), "post_saved", id, title, "publish", false}, "", "    ")
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, doc, 0o644); err != nil {
		return err
	}
	return os.Chmod(file, 0o644)
}

// Run saves a post every so often, count times or until ctx ends, and prints how long each took to come back from
// the relay at url, over WebSocket. It waits for the relay to listen.
func Run(ctx context.Context, file, url string, every time.Duration, count int, out io.Writer) error {
	conn, err := dial(ctx, url)
	if err != nil {
		return ended(ctx, fmt.Errorf("connect to %s: %w", url, err))
	}
	defer conn.CloseNow()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; count == 0 || n <= count; n++ {
		start := time.Now()
		if err := Save(file, n, fmt.Sprintf("Hello, world, no. %d", n)); err != nil {
			return fmt.Errorf("save a post: %w", err)
		}
		_, event, err := conn.Read(ctx)
		if err != nil {
			return ended(ctx, fmt.Errorf("wait for the event: %w", err))
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
	return ended(ctx, conn.Close(websocket.StatusNormalClosure, ""))
}

// dial tries until somebody listens or ctx ends.
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

// ended returns nil in place of what an ended ctx causes.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

//go:embed page.html
var page string

// Page returns the page, whose script connects to port on the host that the page came from.
func Page(port string) http.Handler {
	parsed := template.Must(template.New("page").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		parsed.Execute(w, port)
	})
}
