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

// maxAnswer bounds what is read of an answer, in bytes; an event that is longer is one all the same.
const maxAnswer = 1 << 20

func lookAtSite(ctx context.Context, opts Options) []Finding {
	if opts.Site == nil {
		return one("event file", Skip, "without --site nobody knows whether it is public")
	}
	root := *opts.Site
	root.Path = "/" + strings.TrimPrefix(root.Path, "/")
	return append(lookAtEventFile(ctx, &root), lookAtPage(ctx, &root, opts.URL)...)
}

// lookAtEventFile asks the site for the event file.
func lookAtEventFile(ctx context.Context, root *url.URL) []Finding {
	const check = "event file"
	folder := root.JoinPath("wp-content/realtime-events/")
	file := folder.JoinPath("latest_event.json")
	status, body, err := fetch(ctx, file)
	_, _, notAnEvent := schema.Decode(body, 0)
	switch {
	case err != nil:
		return unreachable(check, err)
	case status == http.StatusOK && (notAnEvent == nil || len(body) == maxAnswer):
		return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("%s is public: everybody can read the last event there, also that of a draft or a private post", file),
			Fix:   "Nobody needs that: the relay reads the file itself.",
			Paste: closed(folder.EscapedPath())}}
	case status == http.StatusOK:
		return one(check, OK, fmt.Sprintf("%s answers 200, but not with an event", file))
	default:
		return one(check, OK, fmt.Sprintf("%s is not public: it answers %d", file, status))
	}
}

var (
	pageScript = regexp.MustCompile(`websocket-client\.js`)
	pageURL    = regexp.MustCompile(`wss?:\\?/\\?/[^"'<>\s]+`)
)

// lookAtPage finds out whether the plugin is active, and where its page connects to.
func lookAtPage(ctx context.Context, root, relay *url.URL) []Finding {
	const check = "page"
	status, body, err := fetch(ctx, root)
	switch {
	case err != nil:
		return unreachable(check, err)
	case status != http.StatusOK:
		return one(check, Skip, fmt.Sprintf("%s answers %d", root, status))
	case !pageScript.Match(body):
		return []Finding{{Check: check, Level: Warn, Text: fmt.Sprintf("%s does not load the plugin's script, websocket-client.js", root),
			Fix: "Activate WP Realtime Events, in WordPress's Plugins; or the page comes out of a cache: empty that."}}
	}
	text := strings.ReplaceAll(string(pageURL.Find(body)), `\/`, "/")
	used, err := url.Parse(text)
	if text == "" || err != nil {
		return one(check, OK, "it loads the plugin's script; where that connects to, it does not show")
	}
	wanted := "wss://" + root.Hostname() + ":8080"
	if root.Scheme == "http" {
		wanted = "ws://" + root.Hostname() + ":8080"
	}
	if relay != nil {
		wanted = relay.String()
	}
	set := []Snip{{"For wp-config.php, above \"That's all, stop editing!\"", fmt.Sprintf("define( 'WPRE_WS_SERVER_URL', '%s' );", wanted)}}
	switch {
	case root.Scheme == "https" && used.Scheme == "ws" && !isLoopback(used.Hostname()):
		return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("mixed content: pages of %s connect to %s, which browsers refuse a page that came over HTTPS", root, used),
			Fix: "Give the relay TLS (--tls-cert, --acme-domain, or a proxy) and the pages its wss:// address.", Paste: set}}
	case isLoopback(used.Hostname()) && !isLoopback(root.Hostname()):
		return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("pages of %s connect to %s, which is each visitor's own machine", root, used),
			Fix: "Tell the plugin where the relay is.", Paste: set}}
	case relay != nil && (used.Scheme != relay.Scheme || used.Host != relay.Host):
		return []Finding{{Check: check, Level: Warn, Text: fmt.Sprintf("pages of %s connect to %s, not to %s", root, used, relay),
			Fix: "If that is not another way to the same relay, tell the plugin where it is.", Paste: set}}
	}
	return one(check, OK, fmt.Sprintf("it loads the plugin's script, which connects to %s", used))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func unreachable(check string, err error) []Finding {
	return []Finding{{Check: check, Level: Fail, Text: "the site cannot be asked: " + err.Error(), Fix: "Give --site the address that browsers use."}}
}

// fetch returns what the address answers.
func fetch(ctx context.Context, address *url.URL) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
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
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, body, err
}
