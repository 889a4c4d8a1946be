//go:build linux

package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// exposures are the directives of nginx for the event file of a site below /SITE/, and what check reports. FILE is the
// path of the event file.
var exposures = []struct{ name, directives, want string }{
	{"event", `location = FILE { return 200 '{"timestamp":1}'; }`, "FAIL event file: http://ADDRESSFILE is public"},
	{"list", `location = FILE { return 200 '[]'; }`, "FAIL event file: "},
	{"empty", `location = FILE { return 200 ''; }`, "FAIL event file: "},
	{"bom", `location = FILE { return 200 "` + "\ufeff" + `{}"; }`, "FAIL event file: "},
	{"page", `location = FILE { return 200 '<html>Hello'; }`, "FAIL event file: "},
	{"old-address", `location = FILE { return 301 /event/wp-content/realtime-events/latest_event.json; }`,
		"FAIL event file: http://ADDRESS/event/wp-content/realtime-events/latest_event.json is public"},
	{"only-browsers", `location = FILE { if ($http_user_agent !~ Mozilla) { return 403; } return 200 '{}'; }`,
		"FAIL event file: "},
	{"denied", `location = FILE { deny all; }`, "OK event file: "},
	{"missing", `location = FILE { return 404; }`, "SKIP event file: not known: "},
	{"down", `location = FILE { return 503; }`, "SKIP event file: not known: http://ADDRESSFILE responds with 503"},
	{"limited", `location = FILE { return 429; }`, "SKIP event file: not known: http://ADDRESSFILE responds with 429"},
	{"broken", `location = FILE { return 500; }`, "SKIP event file: not known: http://ADDRESSFILE responds with 500"},
	{"password", `location = FILE { auth_basic x; auth_basic_user_file DIR/none; try_files /none =404; }`,
		"SKIP event file: not known: http://ADDRESSFILE responds with 401 Give check the site's user name and password"},
	{"login", `location = FILE { return 302 /denied/?login; }`,
		"SKIP event file: not known: the request for the event file was redirected to http://ADDRESS/denied/"},
	{"closed", `location = FILE { deny all; } location = /closed/ { deny all; }`, "SKIP event file: not known: "},
	{"bedrock", `location = /bedrock/ { return 200 '<link href="/bedrock/app/themes/x/style.css">'; }
		location = /bedrock/app/realtime-events/latest_event.json { return 200 '{}'; }`,
		"FAIL event file: http://ADDRESS/bedrock/app/realtime-events/latest_event.json is public"},
	{"moved", `location = /moved/ { return 200 '<script src="/moved/x/plugins/rt/websocket-client.js?v=1">'; }
		location = /moved/x/realtime-events/latest_event.json { return 200 '{}'; }`,
		"FAIL event file: http://ADDRESS/moved/x/realtime-events/latest_event.json is public"},
}

// startSites starts nginx with sites below /NAME/, whose front pages are empty unless the directives differ.
func startSites(t *testing.T, directives func(name string) string, names ...string) (address string) {
	t.Helper()
	config := "listen ADDRESS; default_type text/html;"
	for _, name := range names {
		config += strings.ReplaceAll(directives(name), "FILE", "/"+name+eventsDir+"/latest_event.json")
	}
	config += "location ~ /$ { return 200 ''; }"
	return nginx(config).start(t, t.TempDir(), func(address string) bool {
		return statusOf("http://"+address+"/") == http.StatusOK
	})
}

// checkSite returns the output of check for a site, in one line.
func checkSite(t *testing.T, site string, args ...string) string {
	t.Helper()
	args = append([]string{"check", "--site", site, "--listen", "off", "--admin-listen", "off", "--idle", "0"}, args...)
	text, _ := run(t, command(t, args...))
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", " \n ")), " ")
}

func TestCheckJudgesExposureOfEventFile(t *testing.T) {
	t.Parallel()
	directives, names := make(map[string]string), []string(nil)
	for _, tc := range exposures {
		directives[tc.name] = tc.directives
		names = append(names, tc.name)
	}
	address := startSites(t, func(name string) string { return directives[name] }, names...)
	for _, tc := range exposures {
		want := strings.NewReplacer("ADDRESS", address, "FILE", "/"+tc.name+eventsDir+"/latest_event.json").Replace(tc.want)
		if text := checkSite(t, "http://"+address+"/"+tc.name+"/"); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", tc.name, want, text)
		}
	}
}

// TestCheckDistinguishesMissingFromBlocked has a web server that responds with 404 to requests for the event file, and
// a front page that shows the address of wp-content.
func TestCheckDistinguishesMissingFromBlocked(t *testing.T) {
	t.Parallel()
	address := startSites(t, func(string) string {
		return `location = /x/ { return 200 '<img src="/x/wp-content/uploads/a.png">'; }`
	}, "x")
	site := newSite(t)
	for _, want := range []string{"SKIP event file: not known: ", "OK event file: "} {
		text := checkSite(t, "http://"+address+"/x/", "--watch", site.root)
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
		site.write(1)
	}
}

// pages are front pages, as WordPress prints them, and what check reports with --url wss://www.example.test/ws. LOG is
// the element that shows events.
var pages = []struct{ name, page, want string }{
	{"chat-before", `<script>chat("wss://chat.test/x")</script>
		<script id="rt-js-extra">var a = {"url":"wss:\/\/www.example.test\/ws?a=1\u0026b=2"};</script>
		<script id="rt-js" src="/wp-content/plugins/rt/websocket-client.js?ver=1"></script>LOG`,
		"OK page: the page loads the plugin's script, which connects to wss://www.example.test/ws "},
	{"chat-between", `<script id="rt-js-extra">var a = {"url":"ws:\/\/localhost:8080"};</script>
		<script>chat("wss://www.example.test/ws")</script>
		<script src="/wp-content/plugins/rt/websocket-client.js" id="rt-js"></script>LOG`,
		"WARN page: pages of http://ADDRESS/chat-between/ connect to ws://localhost:8080/ instead of "},
	{"chat-only", `<script>chat("wss://chat.test/x")</script><script>chat("wss://www.example.test/ws")</script>
		<script>more()</script><script src="/websocket-client.js"></script>LOG`, "SKIP page: not known: "},
	{"commented-out", `<!-- <script src="/websocket-client.js"></script> -->`, "WARN page: "},
	{"other-path", `<script>x("wss://www.example.test/")</script><script src="/websocket-client.js"></script>LOG`,
		"WARN page: pages of http://ADDRESS/other-path/ connect to wss://www.example.test/ instead of "},
	{"site-of-network", `<script>x("wss://www.example.test/ws/site-2")</script>
		<script src="/websocket-client.js"></script>LOG`, "OK page: "},
	{"default-port", `<script>x("wss://WWW.example.test:443/ws/")</script><script src="/websocket-client.js"></script>LOG`,
		"OK page: "},
	{"delayed", `<script>x("wss://www.example.test/ws")</script>
		<script type="x" data-rocket-src="/websocket-client.js"></script>LOG`, "OK page: "},
	{"client", `<script src="https://www.example.test/ws/client.js" data-connect data-log></script>LOG`,
		"OK page: the page loads the relay's client, which connects to wss://www.example.test/ws "},
	{"client-elsewhere", `<script src="/ws/client.js" data-connect="wss://other.test/"></script>`,
		"WARN page: pages of http://ADDRESS/client-elsewhere/ connect to wss://other.test/ instead of "},
	{"module", `<script>import { connect } from "/ws/client.mjs"; connect("wss://www.example.test/ws");</script>`,
		"OK page: the page loads the relay's client"},
	{"foreign-client", `<script src="https://chat.test/client.js"></script>`, "WARN page: "},
	{"no-log", `<script>x("wss://www.example.test/ws")</script><script src="/websocket-client.js"></script>`,
		"WARN page: the front page shows no events: it has no element with the id realtime-event-log"},
	{"client-without-log", `<script src="https://www.example.test/ws/client.js" data-connect></script>`,
		"connects to wss://www.example.test/ws FAIL connection"},
	{"client-own-log", `<script src="https://www.example.test/ws/client.js" data-connect data-log="#news"></script>LOG`,
		"WARN page: the front page shows no events: it has no element with the id news"},
}

func TestCheckJudgesThePluginsAddressOnThePage(t *testing.T) {
	t.Parallel()
	directives, names := make(map[string]string), []string(nil)
	for _, tc := range pages {
		page := strings.ReplaceAll(tc.page, "LOG", `<div id="realtime-event-log"></div>`)
		page = strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(page)
		directives[tc.name] = fmt.Sprintf("location = /%s/ { return 200 '%s'; }", tc.name, page)
		names = append(names, tc.name)
	}
	address := startSites(t, func(name string) string { return directives[name] }, names...)
	for _, tc := range pages {
		want := strings.ReplaceAll(tc.want, "ADDRESS", address)
		text := checkSite(t, "http://"+address+"/"+tc.name+"/", "--url", "wss://www.example.test/ws")
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", tc.name, want, text)
		}
	}
}

// TestCheckAcceptsInternationalHostNames has a site and a relay below bücher.test, which the certificate names in
// punycode.
func TestCheckAcceptsInternationalHostNames(t *testing.T) {
	t.Parallel()
	r := newSite(t).start("--allow-origin", "https://bücher.test")
	environment := startNginx(t, r.address)
	cmd := command(t, "check", "--site", "https://BÜCHER.test:443/good/", "--url", "wss://www.bücher.test/ws",
		"--idle", "0", "--listen", "off", "--admin-listen", "off")
	cmd.Env = append(cmd.Env, environment...)
	text, status := run(t, cmd)
	if want := "pages of https://xn--bcher-kva.test are accepted"; status != 0 || !strings.Contains(text, want) {
		t.Errorf("exit status %d, no %q:\n%s", status, want, text)
	}
}

// TestCheckReportsTheSitesCertificate has a site whose certificate is not for its name.
func TestCheckReportsTheSitesCertificate(t *testing.T) {
	t.Parallel()
	cmd := command(t, "check", "--site", "https://third.example.test/", "--listen", "off", "--admin-listen", "off")
	cmd.Env = append(cmd.Env, startNginx(t, newSite(t).start().address)...)
	text, status := run(t, cmd)
	text = strings.Join(strings.Fields(text), " ")
	want := "FAIL page: browsers reject the certificate of https://third.example.test/: "
	if status != 1 || !strings.Contains(text, want) || strings.Contains(text, "Set --site") {
		t.Errorf("exit status %d, no %q in\n%s", status, want, text)
	}
}
