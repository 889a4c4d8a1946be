package check

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"wpre-relay/schema"
)

const (
	// maxBody bounds the bytes that are read of a response. A longer JSON response also counts as an event.
	maxBody = 1 << 20

	// siteTimeout bounds one request to the site.
	siteTimeout = 10 * time.Second
)

// checkSite checks whether the site exposes the event file, and where its pages connect.
func checkSite(ctx context.Context, opts Options) []Finding {
	if opts.Site == nil {
		return []Finding{skip("event file", "not checked; set --site to check whether the event file is public")}
	}
	root := *opts.Site
	root.Path = "/" + strings.TrimPrefix(root.Path, "/")
	return []Finding{checkEventFile(ctx, &root), checkPage(ctx, &root, opts.URL)}
}

// checkEventFile checks whether the site serves the event file.
func checkEventFile(ctx context.Context, root *url.URL) Finding {
	const check = "event file"
	dir := root.JoinPath("wp-content/realtime-events/")
	file := dir.JoinPath("latest_event.json")
	status, body, err := fetch(ctx, file)
	_, _, notAnEvent := schema.Decode(body, 0)
	switch {
	case err != nil:
		return unreachable(check, err)
	case status == http.StatusOK && (notAnEvent == nil || len(body) == maxBody):
		text := fmt.Sprintf("%s is public: everyone can read the last event, even of a draft or a private post",
			withoutSecrets(file))
		return fail(check, text, "Block the directory in the web server. The relay reads the file from the disk:",
			denyAccess(dir.EscapedPath())...)
	case status == http.StatusOK:
		return ok(check, fmt.Sprintf("%s responds with 200, but not with an event", withoutSecrets(file)))
	default:
		return ok(check, fmt.Sprintf("%s is not public: it responds with %d", withoutSecrets(file), status))
	}
}

var (
	pageScript = regexp.MustCompile(`websocket-client\.js`)
	pageURL    = regexp.MustCompile(`wss?:\\?/\\?/[^"'<>\s]+`)
)

// checkPage checks whether the site's front page loads the plugin's script, and where the script connects. relay is
// the address that browsers should connect to, or nil.
func checkPage(ctx context.Context, root, relay *url.URL) Finding {
	const check = "page"
	status, body, err := fetch(ctx, root)
	switch {
	case err != nil:
		return unreachable(check, err)
	case status != http.StatusOK:
		return skip(check, fmt.Sprintf("not checked: %s responds with %d", withoutSecrets(root), status))
	case !pageScript.Match(body):
		return warn(check, fmt.Sprintf("%s does not load the plugin's script, websocket-client.js", withoutSecrets(root)),
			"Activate WP Realtime Events on the Plugins page of WordPress. If it is active, empty the page cache.")
	}
	text := strings.ReplaceAll(string(pageURL.Find(body)), `\/`, "/")
	used, err := url.Parse(text)
	if text == "" || err != nil {
		return ok(check, "the page loads the plugin's script, but does not show where the script connects")
	}
	return checkPageURL(root, used, relay)
}

// checkPageURL checks used, the address that the pages of root connect to.
func checkPageURL(root, used, relay *url.URL) Finding {
	const check = "page"
	site, setURL := withoutSecrets(root), setServerURL(root, relay)
	switch {
	case root.Scheme == "https" && used.Scheme == "ws" && !isLoopback(used.Hostname()):
		text := fmt.Sprintf("mixed content: pages of %s connect to %s, and browsers block ws:// on pages that were "+
			"loaded over HTTPS", site, used)
		return fail(check, text,
			"Enable TLS in the relay (--tls-cert, --acme-domain) or in a proxy, and set the wss:// address:", setURL)
	case isLoopback(used.Hostname()) && !isLoopback(root.Hostname()):
		return fail(check, fmt.Sprintf("pages of %s connect to %s, which is the visitor's own computer", site, used),
			"Set the relay's public address:", setURL)
	case relay != nil && (used.Scheme != relay.Scheme || used.Host != relay.Host):
		return warn(check, fmt.Sprintf("pages of %s connect to %s instead of %s", site, used, withoutSecrets(relay)),
			"Ignore this if both addresses lead to the same relay. Otherwise set the relay's address:", setURL)
	}
	return ok(check, fmt.Sprintf("the page loads the plugin's script, which connects to %s", used))
}

// setServerURL returns configuration that sets the address that pages connect to. Without relay it guesses the
// address.
func setServerURL(root, relay *url.URL) Snippet {
	address := "wss://" + root.Hostname() + ":8080"
	if root.Scheme == "http" {
		address = "ws://" + root.Hostname() + ":8080"
	}
	if relay != nil {
		address = relay.String()
	}
	return wpConfig(fmt.Sprintf("define( 'WPRE_WS_SERVER_URL', '%s' );", address))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func unreachable(check string, err error) Finding {
	return fail(check, "the request to the site failed: "+err.Error(), "Set --site to the address that browsers use.")
}

// fetch requests the address and returns the status and the body of the response.
func fetch(ctx context.Context, address *url.URL) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, siteTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxBody))
	return response.StatusCode, body, err
}
