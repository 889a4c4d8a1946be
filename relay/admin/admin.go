// Package admin is what operators see of a relay: whether it lives and is ready, what it does at this moment, and
// metrics. It changes nothing, and nobody waits for it.
package admin

import (
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

//go:embed page
var page embed.FS

// Options for New. The zero value works.
type Options struct {
	// Local refuses to show events to requests for a host name other than this machine's own: a page in an operator's
	// browser could have its own name lead here (DNS rebinding). It is for a listener that only this machine reaches.
	Local bool

	// Publishing takes events at POST /publish. Default: nobody does.
	Publishing *Publishing

	// Profiles adds Go's profiles at /debug/pprof/.
	Profiles bool
}

// New returns the handler of the listener for operators: / is a page that shows what the relay does, /livez says that
// the process serves, /readyz whether it should get clients, /metrics is for Prometheus. /api/status is how the relay
// stands, /api/trend how it stood in the last hour, and /api/live an event stream of what happens, as JSON.
// With Options.Publishing, POST /publish takes events.
func New(health Health, monitor *Monitor, opts Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := health.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	if opts.Publishing != nil {
		mux.Handle("POST /publish", opts.Publishing)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry(health, monitor), promhttp.HandlerOpts{}))

	inner := http.NewServeMux()
	inner.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, monitor.report(health))
	})
	inner.HandleFunc("GET /api/trend", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, monitor.samples.all())
	})
	inner.Handle("GET /api/live", live{health, monitor})
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the embedded folder has that name
	}
	inner.Handle("GET /", http.FileServerFS(files))
	if opts.Profiles {
		inner.HandleFunc("GET /debug/pprof/", pprof.Index)
		inner.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		inner.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		inner.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		inner.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	mux.Handle("/", guarded(inner, opts.Local))
	return mux
}

// guarded has h answer nobody whose browser was led here, and tells browsers to load nothing from elsewhere.
func guarded(h http.Handler, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !isLocal(r.Host) {
			http.Error(w, "wpre-relay: ask for this machine by its address, or as localhost; to reach it by another name, give --admin-listen an address that others can reach", http.StatusForbidden)
			return
		}
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// isLocal reports whether the host of a request is no name that somebody else could have lead here.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || host == ""
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.Encode(v)
}
