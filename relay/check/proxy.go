package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// lookAtOrigin says whether pages of the site would be admitted by these settings, where the relay cannot be asked.
func lookAtOrigin(opts Options, page string) []Finding {
	request := &http.Request{Host: opts.URL.Host, Header: http.Header{"Origin": {page}}}
	if err := opts.Origins.Check(request); page != "" && err != nil {
		return []Finding{refusedOrigin(page, err.Error())}
	}
	return nil
}

func refusedOrigin(page, why string) Finding {
	return Finding{Check: "origin", Level: Fail, Text: "pages of " + page + " are refused: " + why,
		Fix: "Admit them.",
		Paste: []Snip{
			{"For the command line", "--allow-origin " + page},
			{"For compose.yaml, at the relay's environment", "WPRE_RELAY_ALLOW_ORIGIN: " + page},
		}}
}

// lookAtProxy connects as a page would, and stays for a while.
func lookAtProxy(ctx context.Context, opts Options) []Finding {
	const check = "connection"
	if opts.URL == nil {
		return one(check, Skip, "without --url it is not known whether browsers get through")
	}
	dialing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	header := make(http.Header)
	if opts.Site != nil {
		header.Set("Origin", opts.Site.Scheme+"://"+opts.Site.Host)
	}
	start := time.Now()
	page := header.Get("Origin")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	conn, response, err := websocket.Dial(dialing, opts.URL.String(), &websocket.DialOptions{HTTPHeader: header, HTTPClient: client})
	if err != nil {
		finding := whyNot(opts, page, response, err)
		if finding.Check == "origin" {
			return []Finding{finding}
		}
		return append([]Finding{finding}, lookAtOrigin(opts, page)...)
	}
	defer conn.CloseNow()
	connected := one(check, OK, fmt.Sprintf("%s upgrades to a WebSocket", opts.URL))
	if page != "" {
		connected = append(connected, Finding{Check: "origin", Level: OK, Text: "pages of " + page + " are admitted"})
	}
	if opts.Idle <= 0 {
		return connected
	}
	return append(connected, stay(ctx, conn, opts.Idle, start))
}

// stay leaves the connection alone, but for answering pings, and says whether it holds.
func stay(ctx context.Context, conn *websocket.Conn, idle time.Duration, start time.Time) Finding {
	const check = "idle"
	staying, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	var err error
	for err == nil {
		_, _, err = conn.Read(staying)
	}
	held := time.Since(start).Round(time.Second)
	switch code := websocket.CloseStatus(err); {
	case staying.Err() != nil:
		return Finding{Check: check, Level: OK, Text: fmt.Sprintf("the connection holds for %s, with the relay's ping every 25 s", idle)}
	case code == websocket.StatusServiceRestart || code == websocket.StatusGoingAway:
		return Finding{Check: check, Level: Skip, Text: "the relay was stopped meanwhile"}
	case code != -1:
		return Finding{Check: check, Level: Warn, Text: fmt.Sprintf("the connection was closed after %s: %v", held, err)}
	default:
		return Finding{Check: check, Level: Fail, Text: fmt.Sprintf("something in between cuts the connection after %s without a word: its time for idle connections is shorter than the 25 s between two pings", held),
			Fix: "Have it wait longer.", Paste: patience()}
	}
}

// whyNot explains why a page gets no connection.
func whyNot(opts Options, page string, response *http.Response, err error) Finding {
	const check = "connection"
	at := opts.URL.String()
	if response == nil {
		return notReached(at, err)
	}
	body := ""
	if response.Body != nil {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		body = strings.TrimPrefix(strings.TrimSpace(string(text)), "wpre-relay: ")
	}
	ours := strings.HasPrefix(response.Status, "4") && !strings.Contains(body, "<")
	fail := func(text, fix string, paste ...Snip) Finding {
		return Finding{Check: check, Level: Fail, Text: text, Fix: fix, Paste: paste}
	}
	switch code := response.StatusCode; {
	case code == http.StatusUpgradeRequired || code == http.StatusBadRequest && strings.Contains(body, "upgrade"):
		return fail(fmt.Sprintf("%s does not upgrade: the proxy in front takes the Upgrade and Connection headers away (RFC 9110 §7.8)", at),
			"Have it pass them on.", upgrade(relayAddress(opts.Listen), opts.URL.Path)...)
	case code == http.StatusForbidden && ours && strings.Contains(body, "origin"):
		return refusedOrigin(page, body)
	case code == http.StatusUnauthorized:
		return Finding{Check: check, Level: OK, Text: at + " is the relay, which asks for a token: " + body}
	case code == http.StatusBadGateway || code == http.StatusGatewayTimeout || code == http.StatusServiceUnavailable && !ours && body != "":
		return fail(fmt.Sprintf("the proxy at %s does not reach the relay (%s)", at, response.Status),
			"Start the relay, or mend the address that the proxy has for it; from another container that is the service's name, not localhost.",
			upgrade(relayAddress(opts.Listen), opts.URL.Path)...)
	case code >= 300 && code < 400:
		return fail(fmt.Sprintf("%s redirects to %s, which browsers do not follow for a WebSocket", at, response.Header.Get("Location")),
			"Give the plugin the address at the end of that.")
	case code == http.StatusOK || code == http.StatusNotFound:
		return fail(fmt.Sprintf("%s is not the relay: it answers %s", at, response.Status),
			"Have the web server pass that path on to the relay.", upgrade(relayAddress(opts.Listen), opts.URL.Path)...)
	default:
		return fail(fmt.Sprintf("%s refuses: %s %s", at, response.Status, body), "")
	}
}

// notReached explains an error before any answer.
func notReached(at string, err error) Finding {
	finding := Finding{Check: "connection", Level: Fail, Text: fmt.Sprintf("%s cannot be reached: %v", at, cause(err)),
		Fix: "Start the relay; and see that nothing in between (a firewall, a container's ports) keeps browsers out."}
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host), errors.As(err, &authority), errors.As(err, &certificate):
		finding.Text = fmt.Sprintf("browsers refuse the certificate of %s: %v", at, cause(err))
		finding.Fix = "Use one for that name from an authority that browsers know; with those between them in the file, too."
	case errors.As(err, &record):
		finding.Text = at + " speaks no TLS there"
		finding.Fix = "Use ws://, or give the relay TLS (--tls-cert, --acme-domain), or a proxy in front that does."
	}
	return finding
}

// cause returns the innermost error that says something.
func cause(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// relayAddress returns where a proxy on the same machine finds the relay.
func relayAddress(listen string) string {
	if strings.HasPrefix(listen, ":") {
		return "127.0.0.1" + listen
	}
	if listen == "" || listen == "off" {
		return "127.0.0.1:8080"
	}
	return listen
}
