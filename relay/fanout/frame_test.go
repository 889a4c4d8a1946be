package fanout

import (
	"bytes"
	"testing"

	"wpre-relay/relay/fanout/fanouttest"
)

func TestTextFrameUsesShortestLength(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		text := bytes.Repeat([]byte("x"), n)
		if got, want := appendTextFrame(nil, text), fanouttest.TextFrame(text); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got a frame of %d that begins with % x, want %d, % x", n, len(got), got[:2], len(want), want[:2])
		}
	}
}
