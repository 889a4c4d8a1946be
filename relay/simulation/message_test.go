package simulation

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/schema"
)

// item is what a client gets. One of its parts is set.
type item struct {
	document string          // of an event; for a plain client without a position
	at       schema.Position // of the event, or a position alone
	gap      *gap
	ping     *string // payload
	closed   bool    // the last one
	text     string  // another message
}

// gap is a gap notice.
type gap struct{ Since, Until schema.Position }

// nextFrame returns the first frame in p, and the bytes after it. ok is false if it is not complete.
func nextFrame(p []byte) (opcode byte, payload, rest []byte, ok bool) {
	if len(p) < 2 {
		return 0, nil, p, false
	}
	start, n := 2, int(p[1]&0x7f)
	switch {
	case n == 126 && len(p) >= 4:
		start, n = 4, int(binary.BigEndian.Uint16(p[2:]))
	case n == 127 && len(p) >= 10:
		start, n = 10, int(binary.BigEndian.Uint64(p[2:]))
	case n >= 126:
		return 0, nil, p, false
	}
	if len(p) < start+n {
		return 0, nil, p, false
	}
	return p[0] & 0xf, p[start : start+n], p[start+n:], true
}

// parseFrame returns the item of a WebSocket frame.
func parseFrame(opcode byte, payload []byte, enveloped bool) (i item, err error) {
	switch {
	case opcode == 0x9:
		text := string(payload)
		return item{ping: &text}, nil
	case opcode == 0x8:
		return item{closed: true}, nil
	case opcode != 0x1:
		return item{text: "pong"}, nil
	case !enveloped:
		return item{document: string(payload)}, nil
	}
	var message struct {
		ID    *schema.Position
		Event json.RawMessage
		Gap   *gap
	}
	if err := json.Unmarshal(payload, &message); err != nil {
		return i, fmt.Errorf("message %.80q: %w", payload, err)
	}
	i.document, i.gap = string(message.Event), message.Gap
	if message.ID != nil {
		i.at = *message.ID
	}
	return i, nil
}

// parseBlock returns the item of a block of an event stream.
func parseBlock(block string) (i item, err error) {
	kind, data, id := "", "", ""
	for line := range strings.SplitSeq(block, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "event":
			kind = value
		case "data":
			data = value
		case "id":
			id = value
		}
	}
	if id != "" {
		if i.at, err = schema.ParsePosition(id); err != nil {
			return i, err
		}
	}
	switch kind {
	case "gap":
		i.at, i.gap = schema.Position{}, new(gap)
		err = json.Unmarshal([]byte(data), i.gap)
	case "closed":
		i.closed = true
	case "":
		i.document = data
	case "rejected":
		i.text = data
	}
	return i, err
}

// answer returns the client's answer to an item, or "".
func (i item) answer() string {
	switch {
	case i.ping != nil:
		return fanouttest.Masked(0x8a, *i.ping)
	case i.closed:
		return fanouttest.Masked(0x88, fanouttest.ClosePayload(1000, ""))
	default:
		return ""
	}
}

// nextResponse returns the status and the length of the head of an HTTP response, or 0 if it is not complete.
func nextResponse(p []byte) (status int, head []byte) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 || len(p) < 12 {
		return 0, nil
	}
	status, _ = strconv.Atoi(string(p[9:12]))
	return status, p[:end+4]
}
