package fanout

import "time"

// messagesPerSecond bounds the bytes that a client sends in a second, as a number of messages of the maximum size.
const messagesPerSecond = 16

// messageRate measures a client's input in the current second of the clock.
type messageRate struct {
	second int64
	before uint64 // frames before the second
	frames uint64 // frames so far
	bytes  int    // in the second
}

// exceeds adds bytes, after which the client has sent this many frames in all. It reports whether the client has
// sent more than maxFrames or maxBytes in the current second.
func (r *messageRate) exceeds(frames, maxFrames uint64, bytes, maxBytes int) bool {
	if now := time.Now().Unix(); now != r.second {
		*r = messageRate{second: now, before: r.frames}
	}
	r.frames = frames
	r.bytes += bytes
	return frames-r.before > maxFrames || r.bytes > maxBytes
}
