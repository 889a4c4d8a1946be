package fanout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// recordedFrames records the calls of a frame reader.
type recordedFrames []string

func (r *recordedFrames) onPing(p []byte) { *r = append(*r, fmt.Sprintf("ping %x", p)) }
func (r *recordedFrames) onPong(p []byte) { *r = append(*r, fmt.Sprintf("pong %x", p)) }
func (r *recordedFrames) onText(p []byte) { *r = append(*r, fmt.Sprintf("text %x", p)) }
func (r *recordedFrames) onClose(code websocket.StatusCode) {
	*r = append(*r, fmt.Sprintf("close %d", code))
}

// closed reports whether the last call was onClose.
func (r recordedFrames) closed() bool { return len(r) > 0 && strings.HasPrefix(r[len(r)-1], "close") }

// FuzzFrames checks that a client's bytes have the same result in one piece and in pieces.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x85\x00\x00\x00\x00hello\x89\x80\x00\x00\x00\x00"), 3)
	f.Add([]byte("\x01\x81\x01\x02\x03\x04x\x8a\x80\x00\x00\x00\x00\x80\x80\x00\x00\x00\x00"+
		"\x88\x82\x00\x00\x00\x00\x03\xe8"), 1)
	f.Add([]byte("\x81\xfe\x00\x7e\x00\x00\x00\x00"), 2)
	f.Fuzz(func(t *testing.T, all []byte, size int) {
		if size < 1 || len(all) > 1<<12 {
			return
		}
		whole, frames, err := feedPieces(t, all, max(1, len(all)))
		pieces, framesOfPieces, errOfPieces := feedPieces(t, all, size)
		if !slices.Equal(whole, pieces) || frames != framesOfPieces || fmt.Sprint(err) != fmt.Sprint(errOfPieces) {
			t.Errorf("whole: %q, %d, %v\nin pieces of %d: %q, %d, %v",
				whole, frames, err, size, pieces, framesOfPieces, errOfPieces)
		}
	})
}

// feedPieces feeds a frame reader with pieces of a size, and checks the reader's memory.
func feedPieces(t *testing.T, all []byte, size int) (recorded recordedFrames, frames uint64, err error) {
	const limit = 100
	var r frameReader
	for piece := range slices.Chunk(slices.Clone(all), size) {
		if err = r.feed(piece, limit, &recorded); err != nil {
			break
		}
		if len(r.partial) > max(limit, maxControlPayload)+14 || len(r.message) > limit {
			t.Fatalf("the reader keeps %d bytes of a frame and %d of a message", len(r.partial), len(r.message))
		}
		if recorded.closed() {
			break
		}
	}
	return recorded, r.count, err
}
