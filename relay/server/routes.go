package server

import (
	"io"
	"net/http"
	"net/netip"
	"path"
	"strings"

	"wpre-relay/relay/client"
)

// request is an HTTP request in progress.
type request struct {
	w       http.ResponseWriter
	r       *http.Request
	address netip.Addr // of the client; invalid if unknown
}

// ServeHTTP implements http.Handler. It upgrades WebSocket handshakes on any path, serves the paths that Server
// names, and answers /livez as long as the process runs. Other requests get 426 with a hint.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request{w, r, s.opts.Proxies.Client(r)}
	if err := s.opts.Hosts.Check(r); err != nil {
		s.reject(req, &rejection{reasonHost, err.Error()})
		return
	}
	if isLiveCheck(r) { // no limits, so that it also works during a flood
		io.WriteString(w, "ok\n")
		return
	}
	if s.admission.isRateLimited(req.address) {
		s.rejectRate(req)
		return
	}
	if wantsUpgrade(r) {
		s.serveWebSocket(req)
		return
	}
	switch path.Base(r.URL.Path) { // a proxy may add a prefix
	case "events":
		s.serveCORS(req, s.serveSSE)
	case "history":
		s.serveCORS(req, s.serveHistory)
	case "client.js":
		client.ServeScript(w, r)
	case "client.mjs":
		client.ServeModule(w, r)
	default:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, upgradeHint(r), http.StatusUpgradeRequired)
	}
}

// rejectRate rejects a request of an address that exceeds --handshake-rate. Pages of other origins can read the
// response, so that an EventSource sees that the rejection is temporary.
func (s *Server) rejectRate(req request) {
	reject := func(req request) {
		s.reject(req, &rejection{reasonRate, "too many requests from this address: --handshake-rate"})
	}
	if wantsEventStream(req.r) {
		s.serveCORS(req, reject)
		return
	}
	reject(req)
}

// isLiveCheck reports whether a request asks for /livez.
func isLiveCheck(r *http.Request) bool { return path.Base(r.URL.Path) == "livez" && !wantsUpgrade(r) }

// wantsUpgrade reports whether a request asks for an upgrade to WebSocket.
func wantsUpgrade(r *http.Request) bool {
	for _, value := range r.Header.Values("Upgrade") {
		for token := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "websocket") {
				return true
			}
		}
	}
	return false
}

// upgradeHint returns the text for a request that is not a WebSocket handshake. It names no address: behind a proxy,
// the client may have used another scheme, host and path.
func upgradeHint(r *http.Request) string {
	if r.Header.Get("Sec-WebSocket-Key") != "" {
		return "wpre-relay: this WebSocket handshake has no Upgrade header; " +
			"configure the proxy to pass on the Upgrade and Connection headers"
	}
	return "wpre-relay: this address is for WebSockets: use it with ws:// in place of http://, or with wss:// in place " +
		"of https://; /events below it sends server-sent events"
}
