package bench_test

import (
	"context"
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

// server is one of the plugin's events, whose behaviour a test decides. In place of the event file it has a pipe, so
// that it gets every event, whatever the pace.
type server struct {
	t    *testing.T
	url  *url.URL
	file string

	// write is called for each event that is written, one after the other. Default: send to all.
	write func(s *server, n int, doc []byte)

	// connect is called for each handshake, and reports whether to go on with it. It is given how many came before.
	connect func(w http.ResponseWriter, n int) bool

	mu      sync.Mutex
	come    int               // handshakes; guarded by mu
	clients []*websocket.Conn // in the order in which they came; guarded by mu
}

// start has s serve until the test ends.
func (s *server) start(t *testing.T) *server {
	t.Helper()
	s.t, s.file = t, filepath.Join(t.TempDir(), "events")
	if err := syscall.Mkfifo(s.file, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(s.file, os.O_RDWR, 0) // as a writer, too, so that it never ends
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
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

// watch passes on what is written, until the pipe is closed.
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

// ServeHTTP takes a client.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if conn := s.accept(w, r); conn != nil {
		<-conn.CloseRead(context.Background()).Done()
	}
}

// accept holds mu until the client is one of all: it believes to be one from the handshake on.
func (s *server) accept(w http.ResponseWriter, r *http.Request) *websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.come
	s.come++
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

// all returns the clients in the order in which they came.
func (s *server) all() []*websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.clients)
}

// send sends one message to all clients. Who is gone is passed over.
func (s *server) send(message []byte) {
	for _, conn := range s.all() {
		conn.Write(context.Background(), websocket.MessageText, message)
	}
}
