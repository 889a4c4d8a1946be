package demo

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// maxForm is the size of a form in bytes: a title of maxTitle runes, and names.
	maxForm = 4 << 10

	// maxTitle is the length of a title in runes. WordPress allows more, but the page would not show it.
	maxTitle = 200

	// maxSaves is the number of posts that one form saves.
	maxSaves = 10
)

//go:embed page
var files embed.FS

var index = template.Must(template.ParseFS(files, "page/index.html"))

// statuses are the post statuses that the form offers.
var statuses = []string{"publish", "draft", "private"}

// Page serves the page of the simulated site. Use NewPage.
type Page struct {
	http.Handler

	site     *Site
	recorder *Recorder
	ports    Ports
	stopping <-chan struct{}
	live     sync.WaitGroup // connections of pages
}

// Ports are the ports of the relay, on the host of the page.
type Ports struct {
	Page, Relay string
	Admin       string // of the status page; "" if there is none
}

// NewPage returns a page that saves posts in site and shows its traces. Its connections end when stopping is closed.
// After that, the caller calls Wait.
func NewPage(site *Site, ports Ports, stopping <-chan struct{}) *Page {
	p := &Page{site: site, recorder: site.recorder, ports: ports, stopping: stopping}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.serveIndex)
	mux.HandleFunc("GET /page.css", serveFile)
	mux.HandleFunc("GET /page.js", serveFile)
	mux.HandleFunc("GET /icon.svg", serveFile)
	mux.HandleFunc("POST /posts", p.save)
	mux.HandleFunc("GET /live", p.serveLive)
	p.Handler = http.NewCrossOriginProtection().Handler(p.withSecurityHeaders(mux))
	return p
}

// Wait waits until all connections of pages have ended.
func (p *Page) Wait() { p.live.Wait() }

// withSecurityHeaders forbids browsers to load anything except from the page and the relay. A page that is isolated
// from other origins has a clock of 5 to 20 µs, otherwise of 100 µs or 1 ms.
func (p *Page) withSecurityHeaders(h http.Handler) http.Handler {
	policy := fmt.Sprintf("default-src 'self'; script-src 'self' *:%[1]s; "+
		"connect-src 'self' ws://*:%[2]s ws://*:%[1]s http://*:%[1]s; "+
		"frame-ancestors 'none'; base-uri 'none'; form-action 'self'", p.ports.Relay, p.ports.Page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Embedder-Policy", "require-corp")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// serveIndex serves the document. Its links have the host of the request.
func (p *Page) serveIndex(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	data := map[string]any{"Relay": net.JoinHostPort(host, p.ports.Relay), "File": p.site.File, "MaxSaves": maxSaves}
	if p.ports.Admin != "" {
		data["Admin"] = net.JoinHostPort(host, p.ports.Admin)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	index.Execute(w, data)
}

func serveFile(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "page"+r.URL.Path)
}

// form is a request to save posts.
type form struct {
	Title  string `json:"title"`
	Status string `json:"status"`
	Count  int    `json:"count"` // number of posts to save one after the other, without a pause
}

// problem returns why the form cannot be saved, or "".
func (f form) problem() string {
	switch {
	case f.Count < 1 || f.Count > maxSaves:
		return fmt.Sprintf("count must be 1 to %d", maxSaves)
	case utf8.RuneCountInString(f.Title) > maxTitle:
		return fmt.Sprintf("the title must have at most %d characters", maxTitle)
	case !slices.Contains(statuses, f.Status):
		return "the status must be one of " + strings.Join(statuses, ", ")
	}
	return ""
}

// save saves the posts of a form, and answers with the number of the last one.
func (p *Page) save(w http.ResponseWriter, r *http.Request) {
	var f form
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxForm)).Decode(&f); err != nil {
		http.Error(w, "the form is not valid JSON, or too large", http.StatusBadRequest)
		return
	}
	if problem := f.problem(); problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	var saved struct {
		Post int `json:"post"`
	}
	for n := range f.Count {
		title := f.Title
		if f.Count > 1 {
			title = fmt.Sprintf("%s (%d of %d)", f.Title, n+1, f.Count)
		}
		var err error
		if saved.Post, err = p.site.Save(title, f.Status); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(saved)
}
