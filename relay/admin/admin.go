// Package admin is the HTTP interface for operators: status page, health, metrics and publishing. Except for POST
// /publish it only reads. A slow or hanging request never delays the relay.
package admin

import (
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/security/origin"
)

//go:embed page
var page embed.FS

// Options are the options of New. The zero value works.
type Options struct {
	// LocalOnly rejects requests for host names other than this machine's own: a foreign page in an operator's
	// browser could let its own name resolve to this address and read events (DNS rebinding). Set it if the
	// listener is reachable from this machine only.
	LocalOnly bool

	// Publishing handles POST /publish. Default: not found.
	Publishing *Publishing

	// Profiles adds Go's profiles at /debug/pprof/.
	Profiles bool
}

// New returns the handler of the operators' listener:
//
//	/              status page
//	/livez         200 while all listeners of the process accept connections
//	/readyz        200 while the relay should get clients
//	/metrics       metrics for Prometheus
//	/api/status    the current state, as JSON
//	/api/trend     samples of the last hour, as JSON
//	/api/live      event stream of changes and states
//	/publish       accepts events by POST, if Options.Publishing is set
//	/debug/pprof/  profiles, if Options.Profiles is set
func New(health Health, monitor *Monitor, opts Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		if err := health.Accepting(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := health.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, health.readyText())
	})
	if opts.Publishing != nil {
		mux.Handle("POST /publish", opts.Publishing)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry(health, monitor), promhttp.HandlerOpts{}))
	mux.Handle("/", withSecurityHeaders(statusMux(health, monitor, opts.Profiles)))
	if opts.LocalOnly {
		return rejectForeignHosts(mux)
	}
	return mux
}

// statusMux serves the status page and its data, which contain titles of events.
func statusMux(health Health, monitor *Monitor, profiles bool) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, monitor.report(health))
	})
	mux.HandleFunc("GET /api/trend", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, monitor.samples.all())
	})
	mux.Handle("GET /api/live", eventStream{health, monitor, budget.New(maxStreams)})
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the embedded directory has that name
	}
	mux.Handle("GET /", http.FileServerFS(files))
	if profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

const foreignHost = "wpre-relay: request for a foreign host name: use this machine's IP address or localhost; " +
	"to use another name, set --admin-listen to an address that other machines can reach"

// rejectForeignHosts rejects requests for foreign host names, on every path: metrics name the site's activity, and
// /publish must not be reachable from a page either.
func rejectForeignHosts(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !origin.IsLocalHost(r.Host) {
			http.Error(w, foreignHost, http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// withSecurityHeaders forbids browsers to load anything from elsewhere.
func withSecurityHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy",
			"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.Encode(v)
}
