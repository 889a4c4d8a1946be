package demo

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxReport is the size of a page's message in bytes.
	maxReport = 256

	// traceDelay is the time from a change of a trace until pages get it, so that showing an event does not disturb the
	// delivery that is being measured.
	traceDelay = 30 * time.Millisecond

	// writeTimeout bounds the time to send a message to a page.
	writeTimeout = 10 * time.Second

	// idleTimeout ends the connection of a page that sends nothing. A page sends a message every 5 s; browsers let
	// hidden pages do so once a minute.
	idleTimeout = 3 * time.Minute
)

// report is a message of a page: either a request for the time, or a receipt. Times are in microseconds.
type report struct {
	Clock int `json:"clock"` // number of the request, from 1

	Post  int     `json:"post"`     // the post whose event the page has received
	At    float64 `json:"at_us"`    // when, by the recorder's clock as the page estimates it
	Error float64 `json:"error_us"` // how inexact that is
}

// clock answers a request for the time.
type clock struct {
	Clock int     `json:"clock"`
	Now   float64 `json:"now_us"` // microseconds since the recorder's start
}

// serveLive connects a page over WebSocket until the page leaves or the demo stops. It sends traces, tells the time,
// and takes receipts.
func (p *Page) serveLive(w http.ResponseWriter, r *http.Request) {
	number := p.recorder.join()
	if number == 0 {
		http.Error(w, "too many pages are connected", http.StatusServiceUnavailable)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		p.recorder.leave()
		return
	}
	conn.SetReadLimit(maxReport)
	ctx, cancel := context.WithCancel(context.Background())
	p.live.Go(func() {
		defer p.recorder.leave()
		defer cancel()
		p.readReports(ctx, conn, number)
	})
	p.live.Go(func() {
		defer cancel()
		defer conn.CloseNow()
		p.sendTraces(ctx, conn)
	})
}

// readReports handles the messages of a page until its connection ends.
func (p *Page) readReports(ctx context.Context, conn *websocket.Conn, page int) {
	for {
		reading, done := context.WithTimeout(ctx, idleTimeout)
		_, text, err := conn.Read(reading)
		now := time.Since(p.recorder.start)
		done()
		var message report
		if err != nil || json.Unmarshal(text, &message) != nil {
			return
		}
		if message.Clock != 0 {
			if send(ctx, conn, clock{message.Clock, microseconds(now)}) != nil {
				return
			}
			continue
		}
		at, inexact := duration(message.At), duration(message.Error)
		p.recorder.receive(page, message.Post, at, inexact)
	}
}

// sendTraces sends all traces, and then each trace that has changed, until ctx ends or the demo stops.
func (p *Page) sendTraces(ctx context.Context, conn *websocket.Conn) {
	var sent uint64
	for {
		traces, version, changed := p.recorder.after(sent)
		if len(traces) > 0 {
			if send(ctx, conn, map[string]any{"traces": traces}) != nil {
				return
			}
		}
		sent = version
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-p.stopping:
			return
		}
		select {
		case <-time.After(traceDelay):
		case <-p.stopping: // the next select ends
		}
	}
}

func send(ctx context.Context, conn *websocket.Conn, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, text)
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func duration(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }
