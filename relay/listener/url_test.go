package listener_test

import (
	"net"
	"net/http"
	"testing"

	"wpre-relay/relay/listener"
)

func TestURLLeadsToTheListener(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:8080":     "ws://localhost:8080/",
		"[::]:8080":        "ws://localhost:8080/",
		"127.0.0.1:80":     "ws://127.0.0.1:80/",
		"[::1]:8080":       "ws://[::1]:8080/",
		"[fe80::1%lo]:808": "ws://[fe80::1%25lo]:808/",
	} {
		addr, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		got := listener.URL("ws", addr)
		if _, err := http.NewRequest("GET", got, nil); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", address, got, err, want)
		}
	}
}
