// Package admin is the HTTP interface for operators: status page, health, metrics and publishing. Except for POST
// /publish it only reads. A slow or hanging request never delays the relay.
package admin

import (
	"context"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/pprof"
	"time"

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

	// Settings are shown to operators. They must not contain secrets. Default: none.
	Settings []Setting

	// Check returns the findings of the command check, as its flag --json prints them. It runs at most once at a time,
	// and at most once in 30 seconds. Default: no findings.
	Check func(ctx context.Context) (findings any, err error)
}

func (o Options) withDefaults() Options {
	if o.Settings == nil {
		o.Settings = []Setting{}
	}
	if o.Check == nil {
		o.Check = func(context.Context) (any, error) { return []any{}, nil }
	}
	return o
}

const (
	// checkInterval is the least time between two runs of Options.Check, which reads files of WordPress.
	checkInterval = 30 * time.Second

	// checkLimit bounds one run.
	checkLimit = time.Minute

	// clientsInterval is the least time between two lists of the clients. For 10,000 clients, one takes shards 1 ms.
	clientsInterval = 2 * time.Second

	// clientsLimit bounds the production of one.
	clientsLimit = 10 * time.Second

	// maxListed is the number of clients in a list.
	maxListed = 200
)

// New returns the handler of the operators' listener:
//
//	/              status page
//	/livez         200 while all listeners of the process accept connections
//	/readyz        200 while the relay should get clients
//	/metrics       metrics for Prometheus
//	/api/status    the current state, as JSON
//	/api/trend     samples of the last hour or day, as JSON
//	/api/live      event stream of changes and states
//	/api/clients   the clients that lag most or connected last, as JSON
//	/api/settings  Options.Settings, as JSON
//	/api/meanings  explanations of decisions, close codes and reasons of rejections, as JSON
//	/api/check     the result of Options.Check
//	/api/decisions/NUMBER  the document of a change; requires the token of Options.Publishing
//	/publish       accepts events by POST, if Options.Publishing is set
//	/debug/pprof/  profiles, if Options.Profiles is set
func New(health Health, monitor *Monitor, opts Options) http.Handler {
	opts = opts.withDefaults()
	health.Publishing = opts.Publishing != nil
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
	mux.Handle("/", withSecurityHeaders(statusMux(health, monitor, opts)))
	if opts.LocalOnly {
		return rejectForeignHosts(mux)
	}
	return mux
}

// statusMux serves the status page and its data, which contain titles of events.
func statusMux(health Health, monitor *Monitor, opts Options) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, monitor.report(health))
	})
	mux.HandleFunc("GET /api/trend", monitor.serveTrend)
	mux.HandleFunc("GET /api/settings", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, opts.Settings) })
	mux.HandleFunc("GET /api/meanings", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, allMeanings) })
	mux.HandleFunc("GET /api/decisions/{number}", monitor.servePayload(opts.Publishing))
	mux.Handle("GET /api/clients", newOnDemand(clientsInterval, clientsLimit, health.clientList))
	mux.Handle("GET /api/check", newOnDemand(checkInterval, checkLimit, opts.Check))
	mux.Handle("GET /api/live", eventStream{health, monitor, budget.New(maxStreams), new(sharedReport)})
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the embedded directory has that name
	}
	mux.Handle("GET /", http.FileServerFS(files))
	if opts.Profiles {
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
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
				"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'")
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
