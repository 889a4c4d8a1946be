package bench_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// server is a WebSocket server whose behavior a test sets. Its event file is a pipe, so that it receives every event
// at any pace.
type server struct {
	t    *testing.T
	url  *url.URL
	file string
	tls  *tls.Config // nil without TLS

	// write is called for each event that is written, one at a time. Default: send it to all clients.
	write func(s *server, n int, doc []byte)

	// connect is called for each handshake with the number of earlier ones. It returns whether to accept the client;
	// if not, it has written the response.
	connect func(w http.ResponseWriter, n int) bool

	held []byte // an event that write keeps for later; only write uses it

	mu         sync.Mutex
	handshakes int               // guarded by mu
	clients    []*websocket.Conn // in the order of their handshakes; guarded by mu
}

// start starts s. The test's cleanup stops it.
func (s *server) start(t *testing.T) *server {
	t.Helper()
	s.t, s.file = t, filepath.Join(t.TempDir(), "events")
	if err := syscall.Mkfifo(s.file, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(s.file, os.O_RDWR, 0) // a writer keeps the pipe from ending
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(s)
	if s.tls != nil {
		web.TLS = s.tls
		web.StartTLS()
	} else {
		web.Start()
	}
	if s.url, err = url.Parse(strings.Replace(web.URL, "http", "ws", 1)); err != nil {
		t.Fatal(err)
	}
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(pipe) })
	t.Cleanup(func() {
		pipe.Close()
		watching.Wait()
		web.Close()
	})
	return s
}

// watch calls write for each event until the pipe is closed.
func (s *server) watch(pipe *os.File) {
	docs := json.NewDecoder(pipe)
	for {
		var doc json.RawMessage
		if docs.Decode(&doc) != nil {
			return
		}
		var event struct {
			N int `json:"post_id"`
		}
		if err := json.Unmarshal(doc, &event); err != nil {
			s.t.Errorf("%v in %s", err, doc)
		}
		if s.write == nil {
			s.send(doc)
		} else {
			s.write(s, event.N, doc)
		}
	}
}

// ServeHTTP accepts a client and serves it until it disconnects.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if conn := s.accept(w, r); conn != nil {
		<-conn.CloseRead(context.Background()).Done()
	}
}

// accept accepts a client, or returns nil. It holds mu until the client is in clients, because the client is
// connected, from its own point of view, as soon as it has the response.
func (s *server) accept(w http.ResponseWriter, r *http.Request) *websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.handshakes
	s.handshakes++
	if s.connect != nil && !s.connect(w, n) {
		return nil
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.t.Error(err)
		return nil
	}
	s.clients = append(s.clients, conn)
	return conn
}

// all returns all clients in the order of their handshakes.
func (s *server) all() []*websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.clients)
}

// send sends one message to all clients. It ignores errors of disconnected clients.
func (s *server) send(message []byte) {
	for _, conn := range s.all() {
		conn.Write(context.Background(), websocket.MessageText, message)
	}
}
