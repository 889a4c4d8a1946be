package fanout

import "time"

// messagesPerSecond bounds the bytes that a client sends in a second, in messages of the greatest length.
const messagesPerSecond = 16

// pace is how fast a client sends, by the second.
type pace struct {
	second int64
	frames uint64 // in all, before that second
	last   uint64 // in all, so far
	bytes  int    // in that second
}

// over reports whether the client, which has sent so many frames in all and now this many bytes, has sent more of either
// than most in this second.
func (p *pace) over(frames, mostFrames uint64, bytes, mostBytes int) bool {
	if now := time.Now().Unix(); now != p.second {
		*p = pace{second: now, frames: p.last}
	}
	p.last = frames
	p.bytes += bytes
	return frames-p.frames > mostFrames || p.bytes > mostBytes
}
