// Package tail is a WebSocket client that prints the events of a relay. It stores nothing: a restarted client begins
// at the position that its caller gives.
package tail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
	// maxMessage bounds one message in bytes. The relay's default limit for an event is 1 MiB.
	maxMessage = 64 << 20

	// dialTimeout bounds one handshake.
	dialTimeout = 10 * time.Second

	// maxBackoff bounds the time between two attempts to connect.
	maxBackoff = 30 * time.Second

	// subprotocol is the relay's protocol with positions. A server without it sends bare events.
	subprotocol = "wpre.v1"
)

// Options are the options of Run. The zero value prints the events from now on.
type Options struct {
	Since string // print the events after this position
	Last  int    // print this number of past events first; ignored if Since is set
	Token string // token for a relay that requires one; the query parameter access_token of the address also works
}

// Run connects to the relay at address and writes each event to out as one line, until ctx ends; then it returns nil.
// If the connection is lost, Run reconnects without a limit and resumes after the last event. It returns an error if
// the first connection fails or if out cannot be written. If the server has no positions, Run prints each message as
// it is received and resumes with new messages.
func Run(ctx context.Context, address string, opts Options, out io.Writer, logger *slog.Logger) error {
	url, err := url.Parse(webSocketURL(address))
	if err != nil {
		return errors.New("the relay's address is not a valid URL") // err repeats it with its password
	}
	t := &tail{url: url, token: opts.Token, out: out, logger: logger}
	t.hideToken()
	switch {
	case opts.Since != "":
		t.startAt("since", opts.Since)
	case opts.Last > 0:
		t.startAt("last", strconv.Itoa(opts.Last))
	default:
		t.startAt("since", "now")
	}
	conn, err := t.dial(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("connect to %s: %w", t.url.Redacted(), err)
	}
	for {
		logger.Info("connected", "url", t.url.Redacted())
		if err := t.copyMessages(ctx, conn); err != nil || ctx.Err() != nil {
			return err
		}
		if conn = t.redial(ctx); conn == nil {
			return nil
		}
	}
}

// tail is the state of one run. Only one goroutine uses it.
type tail struct {
	url    *url.URL // its query has the position of the next connection
	token  string
	out    io.Writer
	logger *slog.Logger
}

// message is a message of the relay: an event with its position, a gap, or a position alone.
type message struct {
	ID    string          `json:"id"`
	Event json.RawMessage `json:"event"`
	Gap   *struct {
		Since   string  `json:"since"`
		Until   string  `json:"until"`
		Missing *uint64 `json:"missing"`
	} `json:"gap"`
}

// hideToken removes the token from the address, because logs and errors contain the address.
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

// startAt sets the query parameter that determines the first event of the next connection.
func (t *tail) startAt(parameter, value string) {
	query := t.url.Query()
	query.Del("last")
	query.Set(parameter, value)
	t.url.RawQuery = query.Encode()
}

// dial connects to the relay once.
func (t *tail) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	options := &websocket.DialOptions{Subprotocols: []string{subprotocol}}
	if t.token != "" {
		options.HTTPHeader = http.Header{"Authorization": {"Bearer " + t.token}}
	}
	conn, _, err := websocket.Dial(ctx, t.url.String(), options)
	if request, ok := errors.AsType[*url.Error](err); ok {
		return nil, request.Err // the address is known
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

// redial connects again, after a random time that doubles up to maxBackoff. It returns nil if ctx ends.
func (t *tail) redial(ctx context.Context) *websocket.Conn {
	for limit := time.Second; ; limit = min(2*limit, maxBackoff) {
		conn, err := t.dial(ctx)
		if err == nil {
			return conn
		}
		if ctx.Err() != nil {
			return nil
		}
		wait := rand.N(limit)
		t.logger.Info("connect failed, retrying", "retry_in", wait.Round(time.Millisecond), "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// copyMessages prints the events of one connection until it ends. It returns an error only if out cannot be written.
func (t *tail) copyMessages(ctx context.Context, conn *websocket.Conn) error {
	defer conn.CloseNow()
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return nil
		}
		if conn.Subprotocol() == subprotocol {
			text = t.unwrap(text)
		}
		if len(text) == 0 {
			continue
		}
		if _, err := t.out.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("print event: %w", err)
		}
	}
}

// unwrap returns the event in a message of the relay, or nil if the message has none. The next connection resumes
// after the message's position.
func (t *tail) unwrap(text []byte) []byte {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		t.logger.Warn("message ignored, it is not valid JSON", "error", err)
		return nil
	}
	if m.Gap != nil {
		missing := "unknown"
		if m.Gap.Missing != nil {
			missing = strconv.FormatUint(*m.Gap.Missing, 10)
		}
		t.logger.Warn("events missing, the relay does not have them any more",
			"since", m.Gap.Since, "until", m.Gap.Until, "missing", missing)
		m.ID = m.Gap.Until
	}
	if m.ID != "" {
		t.startAt("since", m.ID)
	}
	return m.Event
}

// webSocketURL converts the forms that an operator may type to a WebSocket URL: an address such as "localhost:8080",
// or the URL of a page.
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
