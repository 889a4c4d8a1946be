package fanout

import (
	"fmt"
	"slices"
	"testing"

	"github.com/coder/websocket"
)

// heardThat writes down what an inbox tells.
type heardThat []string

func (h *heardThat) ping(p []byte)                 { *h = append(*h, fmt.Sprintf("ping %x", p)) }
func (h *heardThat) pong(p []byte)                 { *h = append(*h, fmt.Sprintf("pong %x", p)) }
func (h *heardThat) message(text []byte)           { *h = append(*h, fmt.Sprintf("message %x", text)) }
func (h *heardThat) bye(code websocket.StatusCode) { *h = append(*h, fmt.Sprintf("bye %d", code)) }

// FuzzFrames looks for bytes of a client of which the inbox makes something else when they come in pieces.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x85\x00\x00\x00\x00hello\x89\x80\x00\x00\x00\x00"), 3)
	f.Add([]byte("\x01\x81\x01\x02\x03\x04x\x8a\x80\x00\x00\x00\x00\x80\x80\x00\x00\x00\x00\x88\x82\x00\x00\x00\x00\x03\xe8"), 1)
	f.Add([]byte("\x81\xfe\x00\x7e\x00\x00\x00\x00"), 2)
	f.Fuzz(func(t *testing.T, all []byte, size int) {
		const limit = 100
		if size < 1 || len(all) > 1<<12 {
			return
		}
		take := func(size int) (heard heardThat, frames uint64, err error) {
			var in inbox
			for piece := range slices.Chunk(slices.Clone(all), size) {
				if err = in.take(piece, limit, &heard); err != nil {
					break
				}
				if len(in.rest) > max(limit, maxControlPayload)+14 || len(in.message) > limit {
					t.Fatalf("it keeps %d bytes of a frame and %d of a message", len(in.rest), len(in.message))
				}
				if n := len(heard); n > 0 && heard[n-1][:3] == "bye" {
					break // nothing behind it is read
				}
			}
			return heard, in.frames, err
		}
		whole, frames, err := take(max(1, len(all)))
		parts, framesOfParts, errOfParts := take(size)
		if !slices.Equal(whole, parts) || frames != framesOfParts || fmt.Sprint(err) != fmt.Sprint(errOfParts) {
			t.Errorf("whole: %q, %d, %v\nin pieces of %d: %q, %d, %v", whole, frames, err, size, parts, framesOfParts, errOfParts)
		}
	})
}
