// Coder sends a file's content to WebSocket clients with github.com/coder/websocket: coder PORT FILE. It is a hub
// like that of the library's chat example: each client has a queue and a goroutine that writes.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/scripts/bench/competitors/hub"
)

const (
	queueLength  = 16 // as in the example; a client whose queue is full is closed
	writeTimeout = 5 * time.Second
)

func main() {
	log.Fatal(hub.Run(&server{clients: map[*client]struct{}{}}, os.Args))
}

type server struct {
	mu      sync.Mutex
	clients map[*client]struct{} // guarded by mu
}

type client struct {
	conn  *websocket.Conn
	queue chan []byte
}

// ServeHTTP serves one client until it disconnects.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	c := &client{conn: conn, queue: make(chan []byte, queueLength)}
	s.add(c)
	defer s.remove(c)
	c.write(conn.CloseRead(context.Background()))
}

func (s *server) add(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c] = struct{}{}
}

func (s *server) remove(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
}

// write writes the queued events until ctx ends or a write fails.
func (c *client) write(ctx context.Context) {
	for {
		select {
		case event := <-c.queue:
			if err := c.writeOne(ctx, event); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (c *client) writeOne(ctx context.Context, event []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, event)
}

// Send queues event for every client. It closes a client whose queue is full.
func (s *server) Send(event []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		select {
		case c.queue <- event:
		default:
			go c.conn.Close(websocket.StatusPolicyViolation, "too slow")
		}
	}
}
