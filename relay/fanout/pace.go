package fanout

import "time"

// pace is how fast a client sends, by the second.
type pace struct {
	second       int64
	before, last uint64 // frames before that second, and so far
}

// over reports whether the client, which has sent so many frames in all, has sent more than most in this second.
func (p *pace) over(frames, most uint64) bool {
	if now := time.Now().Unix(); now != p.second {
		p.second, p.before = now, p.last
	}
	p.last = frames
	return frames-p.before > most
}
