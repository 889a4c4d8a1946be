package fanout

import (
	"bytes"
	"testing"

	"wpre-relay/relay/fanout/fanouttest"
)

func TestTextFrameUsesTheShortestLength(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		text := bytes.Repeat([]byte("x"), n)
		got, want := appendTextFrame(nil, text), fanouttest.TextFrame(text)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got % x… (%d), want % x… (%d)", n, got[:2], len(got), want[:2], len(want))
		}
	}
}
