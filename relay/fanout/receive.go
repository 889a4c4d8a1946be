package fanout

import (
	"errors"
	"time"

	"github.com/coder/websocket"
)

const (
	// readBuffer is the number of bytes read at once from a client of the poller.
	readBuffer = 4 << 10

	// earlyBuffer is the size of the memory for the bytes that a TLS client sent before it joined.
	earlyBuffer = 128
)

// readLoop reads until the connection ends. It runs on a goroutine of the client where the poller cannot read.
func (c *client) readLoop() {
	buf, reader := make([]byte, 512), newReader()
	for c.conn.tls != nil {
		if err := c.conn.tls.socket.waitReadable(); err != nil {
			c.end(err)
			return
		}
		if !c.readTLS(buf) {
			return
		}
	}
	for {
		n, err := c.conn.read(buf, reader)
		if !c.received(buf[:n], err) {
			return
		}
	}
}

// readTLS reads once from a TLS client. It reports whether the client is read further. buf is memory for it.
func (c *client) readTLS(buf []byte) (more bool) {
	more = c.conn.tls.read(buf, c.received)
	if more && !c.conn.flushed() { // crypto/tls has answered the client, and the socket is full
		c.shard.post(func() { c.shard.flush(c) })
	}
	return more
}

// received handles the result of one read. It reports whether the client is read further.
func (c *client) received(p []byte, err error) (more bool) {
	if len(p) > 0 && !c.receive(p) {
		return false
	}
	if err != nil {
		c.end(err)
	}
	return err == nil
}

// receive handles bytes from the client. It reports whether the client is read further: not after a close frame.
func (c *client) receive(p []byte) (more bool) {
	c.alive.Store(true)
	if c.failed || c.format == SSE { // an SSE client sends nothing after its request
		return true
	}
	opts := &c.set.opts
	err := c.frames.feed(p, opts.MaxMessage, c)
	if err == nil && !c.inputClosed &&
		c.rate.exceeds(c.frames.count, uint64(opts.MessageRate), len(p), messagesPerSecond*opts.MaxMessage) {
		c.inputClosed = true
		err = CloseTooManyMessages
	}
	if reason, ok := errors.AsType[CloseReason](err); ok {
		c.failed, c.frames = true, frameReader{}
		message := closeMessage{reason: reason, frame: closeFrame(reason), urgent: true}
		c.shard.post(func() { c.shard.sendClose(c, message) })
	}
	return !c.inputClosed
}

// onPing implements frameHandler. Only the newest ping needs an answer (RFC 6455 §5.5.3), so a flood of pings costs
// one pong.
func (c *client) onPing(payload []byte) {
	pong := controlFrame(opPong, payload)
	if c.pong.Swap(&pong) == nil {
		c.shard.post(func() { c.shard.sendPong(c) })
	}
}

// onPong implements frameHandler.
func (c *client) onPong(payload []byte) {
	if c.acks != nil {
		c.acks.receive(payload, time.Now())
	}
}

// onText implements frameHandler.
func (c *client) onText(text []byte) {
	if c.set.opts.PeerMessages {
		c.set.sendPeers(text, c)
	}
	if c.onMessage != nil {
		c.onMessage(text)
	}
}

// onClose implements frameHandler.
func (c *client) onClose(code websocket.StatusCode) {
	c.inputClosed = true
	c.shard.post(func() { c.shard.answerClose(c, code) })
}
