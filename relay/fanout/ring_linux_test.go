package fanout

import (
	"testing"

	"golang.org/x/sys/unix"
)

// socketPair returns two connected sockets that do not block.
func socketPair(t *testing.T) (ours, theirs int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[0]) })
	return pair[0], pair[1]
}

// sendCase is a socket and the result of sending to it.
type sendCase struct {
	fd   int
	want int32
}

// newSendCase returns a socket that is ready, full or closed by the client, in turns.
func newSendCase(t *testing.T, i, length int) sendCase {
	ours, theirs := socketPair(t)
	switch i % 3 {
	case 0:
		t.Cleanup(func() { unix.Close(theirs) })
		return sendCase{ours, int32(length)}
	case 1:
		t.Cleanup(func() { unix.Close(theirs) })
		for block := make([]byte, 1<<10); ; {
			if _, err := unix.Write(ours, block); err != nil {
				return sendCase{ours, -int32(unix.EAGAIN)}
			}
		}
	default:
		unix.Close(theirs)
		return sendCase{ours, -int32(unix.EPIPE)}
	}
}

// TestRingSendsLikeWrite sends to sockets in all states. Each result must be as of write(2), and made at once.
func TestRingSendsLikeWrite(t *testing.T) {
	r := newRing()
	if r == nil {
		t.Skip("the kernel has no io_uring, or a container forbids it")
	}
	defer r.close()
	message := []byte("message")
	for _, sends := range []int{1, maxSends, maxSends / 2, maxSends} { // the queues wrap around
		cases := make([]sendCase, sends)
		for i := range cases {
			cases[i] = newSendCase(t, i, len(message))
			r.queue(i, int32(cases[i].fd), message)
		}
		r.send(message)
		for i, c := range cases {
			if got := r.results[i]; got != c.want {
				t.Fatalf("send %d of %d: got %d, want %d", i, sends, got, c.want)
			}
		}
	}
}
