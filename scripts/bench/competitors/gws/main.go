// Gws sends a file's content to WebSocket clients with github.com/lxzan/gws: gws PORT FILE. It prepares one message
// per event for all clients, as the library's documentation recommends.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/lxzan/gws"

	"wpre-relay/scripts/bench/competitors/hub"
)

func main() {
	s := &server{clients: gws.NewConcurrentMap[*gws.Conn, struct{}]()}
	s.upgrader = gws.NewUpgrader(s, &gws.ServerOption{Recovery: gws.Recovery})
	log.Fatal(hub.Run(s, os.Args))
}

type server struct {
	gws.BuiltinEventHandler
	upgrader *gws.Upgrader
	clients  *gws.ConcurrentMap[*gws.Conn, struct{}]
}

// ServeHTTP accepts a client. It returns while the client is connected, so that the request's memory can be
// collected.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	socket, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	go socket.ReadLoop()
}

func (s *server) OnOpen(socket *gws.Conn) { s.clients.Store(socket, struct{}{}) }

func (s *server) OnClose(socket *gws.Conn, _ error) { s.clients.Delete(socket) }

func (s *server) OnMessage(_ *gws.Conn, message *gws.Message) { message.Close() }

func (s *server) Send(event []byte) {
	b := gws.NewBroadcaster(gws.OpcodeText, event)
	defer b.Close()
	s.clients.Range(func(socket *gws.Conn, _ struct{}) bool {
		b.Broadcast(socket) // the library calls OnClose after an error
		return true
	})
}
