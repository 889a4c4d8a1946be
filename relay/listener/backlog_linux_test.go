package listener

import (
	"net"
	"testing"

	"wpre-relay/relay/testwait"
)

func TestBacklogCountsClientsThatAreNotAccepted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if backlog(l) != 0 {
		t.Errorf("%d clients wait, want none", backlog(l))
	}
	for range 2 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if !testwait.Until(func() bool { return backlog(l) == 2 }) {
		t.Errorf("%d clients wait, want 2", backlog(l))
	}
}
