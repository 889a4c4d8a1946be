package check

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// dialTimeout bounds the handshake with the relay.
const dialTimeout = 10 * time.Second

// checkConnection connects to the relay as a page of the site would, and keeps the connection idle for Options.Idle.
func checkConnection(ctx context.Context, opts Options) []Finding {
	const check = "connection"
	if opts.URL == nil {
		return []Finding{skip(check, "not checked; set --url to check whether browsers can connect")}
	}
	page := ""
	if opts.Site != nil {
		page = opts.Site.Scheme + "://" + opts.Site.Host
	}
	start := time.Now()
	conn, response, err := dial(ctx, opts.URL.String(), page)
	if err != nil {
		finding := explainDialError(opts, page, response, err)
		if finding.Check == "origin" {
			return []Finding{finding}
		}
		return append([]Finding{finding}, checkOrigin(opts, page)...)
	}
	defer conn.CloseNow()
	findings := []Finding{ok(check, fmt.Sprintf("%s upgrades to a WebSocket", withoutSecrets(opts.URL)))}
	if page != "" {
		findings = append(findings, ok("origin", "pages of "+page+" are accepted"))
	}
	if opts.Idle > 0 {
		findings = append(findings, checkIdle(ctx, conn, opts.Idle, start))
	}
	return findings
}

// dial connects like a browser: with the page's origin, if page is not "", and without following redirects.
func dial(ctx context.Context, address, page string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	header := make(http.Header)
	if page != "" {
		header.Set("Origin", page)
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPHeader: header,
		HTTPClient: &http.Client{CheckRedirect: noRedirect},
	})
}

// checkOrigin checks whether the settings accept pages of the site, for the case that the relay cannot be asked.
func checkOrigin(opts Options, page string) []Finding {
	request := &http.Request{Host: opts.URL.Host, Header: http.Header{"Origin": {page}}}
	if err := opts.Origins.Check(request); page != "" && err != nil {
		return []Finding{originRejected(page, err.Error())}
	}
	return nil
}

func originRejected(page, reason string) Finding {
	return fail("origin", "pages of "+page+" are rejected: "+reason, "Allow this origin:",
		Snippet{"For the command line", "--allow-origin " + page},
		Snippet{"For compose.yaml, at the relay's environment", "WPRE_RELAY_ALLOW_ORIGIN: " + page})
}

// checkIdle checks whether the connection stays open for idle without traffic, except pings and pongs.
func checkIdle(ctx context.Context, conn *websocket.Conn, idle time.Duration, start time.Time) Finding {
	const check = "idle"
	ctx, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	var err error
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	open := time.Since(start).Round(time.Second)
	switch code := websocket.CloseStatus(err); {
	case ctx.Err() != nil:
		return ok(check, fmt.Sprintf("the connection stays open for %s, with the relay's ping every 25 s", idle))
	case code == websocket.StatusServiceRestart || code == websocket.StatusGoingAway:
		return skip(check, "not checked: the relay was stopped during the check")
	case code != -1:
		text := fmt.Sprintf("the connection was closed after %s: %v", open, err)
		return warn(check, text, "The relay's log has the reason.")
	default:
		text := fmt.Sprintf("a proxy closes the connection after %s without a close frame: its idle timeout is shorter "+
			"than the 25 s between two pings of the relay", open)
		return fail(check, text, "Raise the timeout:", raiseIdleTimeout()...)
	}
}

// relayAddress returns the address of the relay for a proxy on the same machine.
func relayAddress(listen string) string {
	if strings.HasPrefix(listen, ":") {
		return "127.0.0.1" + listen
	}
	if listen == "" || listen == "off" {
		return "127.0.0.1:8080"
	}
	return listen
}
