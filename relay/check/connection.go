package check

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// dialTimeout bounds the handshake with the relay.
const dialTimeout = 10 * time.Second

// checkConnection connects to the relay as a page of the site would, with each transport that pages use, and keeps one
// connection idle for Options.Idle.
func checkConnection(ctx context.Context, opts Options) []Finding {
	const check = "connection"
	if opts.URL == nil {
		return []Finding{skip(check, "not checked; set --url to check whether browsers can connect")}
	}
	page := pageOrigin(opts)
	start := time.Now()
	conn, response, err := dial(ctx, opts.URL.String(), page)
	if err != nil {
		return explainRejection(ctx, opts, page, response, err)
	}
	defer conn.CloseNow()
	address := withoutSecrets(opts.URL)
	transports, isRelay := checkTransports(ctx, opts.URL, page)
	if !isRelay {
		return []Finding{fail(check, address+" upgrades to a WebSocket, but is not wpre-relay (it may be the recipe's "+
			"Node server)", "Start the relay in its place, or pass this path on to the relay:",
			passUpgrade(relayAddress(opts.Listen), opts.URL.Path)...)}
	}
	findings := append([]Finding{ok(check, address+" upgrades to a WebSocket"), acceptedOrigin(page)}, transports...)
	if opts.Idle > 0 {
		findings = append(findings, checkIdle(ctx, conn, opts.Idle, start))
	}
	return findings
}

// explainRejection returns the findings for a failed handshake. Behind a relay that requires a token, the other
// transports can still be tried.
func explainRejection(ctx context.Context, opts Options, page string, response *http.Response, err error) []Finding {
	finding := explainDialError(opts, page, response, err)
	switch {
	case finding.Check == "origin":
		return []Finding{finding}
	case finding.Level == OK:
		transports, _ := checkTransports(ctx, opts.URL, page)
		return append([]Finding{finding, acceptedOrigin(page)}, transports...)
	case page == "":
		return []Finding{finding, acceptedOrigin(page)}
	}
	request := &http.Request{Host: opts.URL.Host, Header: http.Header{"Origin": {page}}}
	if err := opts.Origins.Check(request); err != nil {
		return []Finding{finding, originRejected(page, err.Error())}
	}
	return []Finding{finding, unknown("origin", "without a connection, pages of "+page+" could not be tried", "")}
}

// pageOrigin returns the origin of the site's pages, "" without Options.Site. A site can redirect to its other name.
func pageOrigin(opts Options) string {
	if opts.Site == nil {
		return ""
	}
	address := opts.Site
	if front := opts.frontPage(); front.err == nil {
		address = asBrowser(front.address)
	}
	return address.Scheme + "://" + address.Host
}

// acceptedOrigin returns the finding for an origin that the relay has accepted, or that was not tried.
func acceptedOrigin(page string) Finding {
	if page == "" {
		return skip("origin", "not checked; set --site to check whether the relay accepts the site's pages")
	}
	return ok("origin", "pages of "+page+" are accepted")
}

// dial connects like a browser: with the page's origin, if page is not "", and without following redirects.
func dial(ctx context.Context, address, page string, subprotocols ...string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	header := http.Header{"User-Agent": {browserHeader["User-Agent"]}}
	if page != "" {
		header.Set("Origin", page)
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPHeader:   header,
		HTTPClient:   &http.Client{CheckRedirect: noRedirect, Transport: patientTransport()},
		Subprotocols: subprotocols,
	})
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

// httpAddress returns the address of a file or stream of the relay at a WebSocket's address, as the relay's client
// builds it.
func httpAddress(relay *url.URL, name string) *url.URL {
	address := relay.JoinPath(name)
	address.Scheme = strings.Replace(relay.Scheme, "ws", "http", 1)
	return address
}
