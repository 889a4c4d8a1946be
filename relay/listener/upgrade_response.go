package listener

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// upgradeResponse is the http.ResponseWriter of upgradeServer. It sends the response to an upgrade at once, and others
// in finish: they are rejections of a line. Only the handler's goroutine uses it.
type upgradeResponse struct {
	conn     *countedConn
	rest     []byte // what the client has sent after the request
	header   http.Header
	status   int // 0: not set
	body     bytes.Buffer
	hijacked bool
	err      error // of sending the response to an upgrade
}

// Header implements http.ResponseWriter.
func (w *upgradeResponse) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *upgradeResponse) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if status == http.StatusSwitchingProtocols {
		w.err = w.send()
	}
}

// Write implements http.ResponseWriter.
func (w *upgradeResponse) Write(p []byte) (int, error) {
	if w.hijacked || w.status == http.StatusSwitchingProtocols {
		return 0, http.ErrHijacked
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.body.Write(p)
}

// Hijack implements http.Hijacker.
func (w *upgradeResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	switch {
	case w.hijacked:
		return nil, nil, http.ErrHijacked
	case w.err != nil:
		return nil, nil, w.err
	case w.body.Len() > 0:
		return nil, nil, errors.New("hijack after a response")
	}
	w.hijacked = true
	early := bufio.NewReaderSize(bytes.NewReader(bytes.Clone(w.rest)), len(w.rest))
	early.Peek(len(w.rest))
	return w.conn, bufio.NewReadWriter(early, bufio.NewWriterSize(w.conn, 1)), nil // 0 would be 4 KiB
}

// finish sends a response that is not an upgrade.
func (w *upgradeResponse) finish() error {
	if w.status == http.StatusSwitchingProtocols {
		return errors.New("upgrade without a hijacked connection")
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	w.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return w.send()
}

// send sends the header and the body.
func (w *upgradeResponse) send() error {
	var response bytes.Buffer
	fmt.Fprintf(&response, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
	w.header.Write(&response)
	response.WriteString("\r\n")
	response.Write(w.body.Bytes())
	_, err := w.conn.Write(response.Bytes())
	return err
}
