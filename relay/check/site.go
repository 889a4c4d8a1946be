package check

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// checkSite checks whether the site exposes the event file, and where its pages connect.
func checkSite(ctx context.Context, opts Options) []Finding {
	if opts.Site == nil {
		return []Finding{skip("event file", "not checked; set --site to check whether the event file is public")}
	}
	front := opts.frontPage()
	return append([]Finding{checkExposure(ctx, opts, front)}, checkPage(front, opts.URL)...)
}

// checkPage checks whether the site's front page loads the plugin's script or the relay's client, and where it
// connects. relay is the address that browsers should connect to, or nil.
func checkPage(front answer, relay *url.URL) []Finding {
	const check = "page"
	site := withoutSecrets(front.address)
	switch {
	case front.err != nil:
		return []Finding{unreachable(check, site, front.err)}
	case front.status != http.StatusOK || front.isChallenge():
		return []Finding{unknown(check, fmt.Sprintf("%s responds with %d", site, front.status), tryAgain(front.status))}
	}
	page := parsePage(front.body)
	if index := page.pluginScript(); index >= 0 {
		return append(checkPageURL(front.address, "the plugin's script", page.pluginURL(index), relay),
			checkLogElement(page, "realtime-event-log")...)
	}
	if index := page.relayClient(); index >= 0 {
		findings := checkPageURL(front.address, "the relay's client", page.clientURL(index, front.address), relay)
		if log, shows := page.scripts[index].attributes["data-log"]; shows {
			findings = append(findings, checkLogElement(page, cmp.Or(log, "realtime-event-log"))...)
		}
		return findings
	}
	return []Finding{warn(check, site+" loads neither the plugin's script, websocket-client.js, nor the relay's client",
		"Activate WP Realtime Events on the Plugins page of WordPress. If it is active, empty the page cache. If "+
			"another plugin combines scripts, exclude websocket-client.js.")}
}

// checkLogElement warns if the page has no element that shows events. selector is that of the element; only an id is
// checked.
func checkLogElement(page page, selector string) []Finding {
	id := strings.TrimPrefix(selector, "#")
	if page.ids[id] || strings.ContainsAny(id, " .:[>,#+~") {
		return nil
	}
	return []Finding{warn("page", "the front page shows no events: it has no element with the id "+id,
		"Ignore this if other pages show them. Otherwise add the element, for example in a \"Custom HTML\" block:",
		Snippet{"For the page", fmt.Sprintf(`<div id="%s"></div>`, id)})}
}

// checkPageURL checks the address that the pages of root connect to, or "" if it is not known. loader is the script
// that connects.
func checkPageURL(root *url.URL, loader, address string, relay *url.URL) []Finding {
	const check = "page"
	site, setURL := withoutSecrets(root), setServerURL(root, relay)
	used, err := url.Parse(address)
	if err != nil || used.Host == "" {
		return []Finding{unknown(check, fmt.Sprintf("%s loads %s, but does not show where it connects", site, loader),
			"Open the page in a browser, and look at its console.")}
	}
	used = asBrowser(used)
	target := withoutSecrets(used)
	switch {
	case root.Scheme == "https" && used.Scheme == "ws" && !isLoopback(used.Hostname()):
		text := fmt.Sprintf("mixed content: pages of %s connect to %s, and browsers block ws:// on pages that were "+
			"loaded over HTTPS", site, target)
		return []Finding{fail(check, text,
			"Enable TLS in the relay (--tls-cert, --acme-domain) or in a proxy, and set the wss:// address:", setURL)}
	case isLoopback(used.Hostname()) && !isLoopback(root.Hostname()):
		return []Finding{fail(check, fmt.Sprintf("pages of %s connect to %s, which is the visitor's own computer", site,
			target), "Set the relay's public address:", setURL)}
	case relay != nil && !sameAddress(used, relay):
		return []Finding{warn(check, fmt.Sprintf("pages of %s connect to %s instead of %s", site, target,
			withoutSecrets(relay)), "Ignore this if both addresses lead to the same relay. Otherwise set the relay's "+
			"address:", setURL)}
	}
	return []Finding{ok(check, fmt.Sprintf("the page loads %s, which connects to %s", loader, target))}
}

// networkSite is the end of the path that the companion adds for a site of a network.
var networkSite = regexp.MustCompile(`(^|/)site-[0-9]+$`)

// sameAddress reports whether a page that connects to used reaches the path of the relay's server.
func sameAddress(used, relay *url.URL) bool {
	path, want := strings.Trim(used.Path, "/"), strings.Trim(relay.Path, "/")
	return used.Scheme == relay.Scheme && used.Host == relay.Host &&
		(path == want || networkSite.ReplaceAllString(path, "") == want)
}

// setServerURL returns configuration that sets the address that pages connect to. Without relay it guesses the
// address.
func setServerURL(root, relay *url.URL) Snippet {
	address := "wss://" + root.Hostname() + ":8080"
	if root.Scheme == "http" {
		address = "ws://" + root.Hostname() + ":8080"
	}
	if relay != nil {
		address = withoutSecrets(relay)
	}
	return wpConfig(fmt.Sprintf("define( 'WPRE_WS_SERVER_URL', '%s' );", address))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// unreachable returns the finding for a request to the site that got no response.
func unreachable(check, address string, err error) Finding {
	if finding, found := explainTLSError(check, address, err); found {
		return finding
	}
	return fail(check, fmt.Sprintf("the request to %s failed: %v", address, innermost(err)),
		"Set --site to the address that browsers use.")
}

// tryAgain returns the fix for a response that does not show how the site's pages are.
func tryAgain(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "Give check the site's user name and password: --site https://NAME:PASSWORD@www.example.com"
	case http.StatusForbidden:
		return "The site rejects requests from this machine. Run check on another one, or allow this one."
	default:
		return "Run check again when the site responds with 200."
	}
}
