// Package tail is a client that prints what a relay sends.
package tail

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxMessage bounds what one message may weigh, in bytes; the relay's own bound is below it by far as a rule.
	maxMessage = 64 << 20

	// subprotocol is the relay's, whose events have positions. Other servers do not know it.
	subprotocol = "wpre.v1"
)

// Options for Run. The zero value prints what happens from now on.
type Options struct {
	Since string // a position to begin after
	Last  int    // how many of the newest events to begin with, without Since
	Token string // for a relay that asks for one; or as ?access_token= in the address
}

// Run connects to the relay at address and writes each event to out as one line, until ctx ends; then it returns nil.
// If the connection is lost it connects again, for as long as it takes, and goes on where it was. That the first
// connection fails is an error. Of a server without positions it prints each message.
func Run(ctx context.Context, address string, opts Options, out io.Writer, logger *slog.Logger) error {
	url, err := url.Parse(webSocketURL(address))
	if err != nil {
		return fmt.Errorf("the relay's address: %w", err)
	}
	t := &tail{url: url, token: opts.Token, out: out, logger: logger}
	t.hideToken()
	switch {
	case opts.Since != "":
		t.begin("since", opts.Since)
	case opts.Last > 0:
		t.begin("last", strconv.Itoa(opts.Last))
	default:
		t.begin("since", "now")
	}
	conn, err := t.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", t.url, err)
	}
	for {
		logger.Info("connected", "url", t.url.String())
		if err := t.copyMessages(ctx, conn); err != nil {
			return err
		}
		if conn = t.redial(ctx); conn == nil {
			return nil
		}
	}
}

// tail is one run.
type tail struct {
	url    *url.URL // says where to begin
	token  string
	out    io.Writer
	logger *slog.Logger
}

// message is one of the relay's, with what it is about.
type message struct {
	ID    string          `json:"id"`
	Event json.RawMessage `json:"event"`
	Gap   *struct {
		Since   string  `json:"since"`
		Until   string  `json:"until"`
		Missing *uint64 `json:"missing"`
	} `json:"gap"`
}

// hideToken takes the token from the address, which is logged, and is part of errors.
func (t *tail) hideToken() {
	const parameter = "access_token"
	query := t.url.Query()
	if !query.Has(parameter) {
		return
	}
	t.token = cmp.Or(t.token, query.Get(parameter))
	query.Del(parameter)
	t.url.RawQuery = query.Encode()
}

// begin has the next connection begin elsewhere.
func (t *tail) begin(parameter, value string) {
	query := t.url.Query()
	query.Del("last")
	query.Set(parameter, value)
	t.url.RawQuery = query.Encode()
}

// dial connects without limit on what is read.
func (t *tail) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	options := &websocket.DialOptions{Subprotocols: []string{subprotocol}}
	if t.token != "" {
		options.HTTPHeader = http.Header{"Authorization": {"Bearer " + t.token}}
	}
	conn, _, err := websocket.Dial(ctx, t.url.String(), options)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

// redial connects again, sooner or later; it returns nil if ctx ends.
func (t *tail) redial(ctx context.Context) *websocket.Conn {
	for limit := time.Second; ; limit = min(2*limit, 30*time.Second) {
		conn, err := t.dial(ctx)
		if err == nil {
			return conn
		}
		wait := rand.N(limit)
		t.logger.Info("the relay cannot be reached; trying again", "in", wait.Round(time.Millisecond), "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// copyMessages returns an error only if out cannot be written.
func (t *tail) copyMessages(ctx context.Context, conn *websocket.Conn) error {
	defer conn.CloseNow()
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return nil
		}
		if conn.Subprotocol() == subprotocol {
			text = t.open(text)
		}
		if len(text) == 0 {
			continue
		}
		if _, err := t.out.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("print an event: %w", err)
		}
	}
}

// open returns the event in a message of the relay's, nil if it has none, and remembers where that leads.
func (t *tail) open(text []byte) []byte {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		t.logger.Warn("a message cannot be understood", "error", err)
		return nil
	}
	if m.Gap != nil {
		missing := "unknown"
		if m.Gap.Missing != nil {
			missing = strconv.FormatUint(*m.Gap.Missing, 10)
		}
		t.logger.Warn("events are missing: the relay no longer has them", "since", m.Gap.Since, "until", m.Gap.Until, "missing", missing)
		m.ID = m.Gap.Until
	}
	if m.ID != "" {
		t.begin("since", m.ID)
	}
	return m.Event
}

// webSocketURL completes what an operator may type: "localhost:8080", or the address of a page.
func webSocketURL(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	switch {
	case !ok:
		return "ws://" + address
	case scheme == "http":
		return "ws://" + rest
	case scheme == "https":
		return "wss://" + rest
	default:
		return address
	}
}
