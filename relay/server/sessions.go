package server

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"wpre-relay/schema"
)

const (
	// cookieName is that of the cookie by which a browser is known again.
	cookieName = "wpre_resume"

	// returnWithin is for how long it is remembered what a browser had, and maxReturns for how many connections.
	returnWithin = 2 * time.Minute
	maxReturns   = 100_000

	// pageRetry is how long the plugin's page waits after a close, and after each failure, before it connects, and
	// pageLate how much longer that takes a browser, at most, as a rule: timers of pages in the background are late.
	pageRetry = 5 * time.Second
	pageLate  = 1500 * time.Millisecond
)

// returns is what browsers had been sent when their connections ended. Each connection that comes back takes one of
// its browser's, so that several tabs are served each once.
type returns struct {
	file string

	mu    sync.Mutex
	ended map[string][]ended // by browser, the oldest first; guarded by mu
	order []departure        // all, the oldest first, and some that are back; guarded by mu
}

// ended is the end of a connection.
type ended struct {
	Had uint64    `json:"had"` // number of the last record that it got
	At  time.Time `json:"at"`
}

// departure is an end in the order of all.
type departure struct {
	browser string
	at      time.Time
}

// kept is the form in which a restart hands it on.
type kept struct {
	Epoch    string             `json:"epoch"`
	Browsers map[string][]ended `json:"browsers"`
}

// loadReturns returns what the last run saved in file, as far as it is of the same history, and removes the file: it is
// true only until the first of them is back.
func loadReturns(file string, head schema.Position, logger *slog.Logger) *returns {
	r := &returns{file: file, ended: make(map[string][]ended)}
	var last kept
	content, err := os.ReadFile(file)
	if err == nil {
		err = errors.Join(json.Unmarshal(content, &last), os.Remove(file))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		logger.Warn("what browsers had been sent cannot be read; they may miss what happened meanwhile", "file", file, "error", err)
		return r
	}
	if last.Epoch != head.Epoch {
		return r
	}
	for browser, ends := range last.Browsers {
		for _, end := range ends {
			r.ended[browser] = append(r.ended[browser], end)
			r.order = append(r.order, departure{browser, end.At})
		}
	}
	slices.SortFunc(r.order, func(a, b departure) int { return a.at.Compare(b.at) })
	return r
}

// save writes what is remembered for the next start.
func (r *returns) save(epoch string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	content, err := json.Marshal(kept{epoch, r.ended})
	if err != nil {
		return err
	}
	return os.WriteFile(r.file, content, 0o600)
}

// browser returns what the client's browser is known by, and has it told if that is not known.
func (r *returns) browser(w http.ResponseWriter, request *http.Request) (browser string, known bool) {
	fresh := rand.Text()
	if cookie, err := request.Cookie(cookieName); err == nil && len(cookie.Value) == len(fresh) {
		return cookie.Value, true
	}
	http.SetCookie(w, &http.Cookie{
		Name:     cookieName,
		Value:    fresh,
		Path:     "/",
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
		Secure:   request.TLS != nil || strings.EqualFold(request.Header.Get("X-Forwarded-Proto"), "https"),
	})
	return fresh, false
}

// left remembers that a connection of the browser has ended.
func (r *returns) left(browser string, had uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(browser, ended{had, time.Now()})
}

// add remembers an end; r.mu is held.
func (r *returns) add(browser string, end ended) {
	r.ended[browser] = append(r.ended[browser], end)
	r.order = append(r.order, departure{browser, end.At})
	r.forgetOld()
}

// forgetOld forgets what is too old or too much; r.mu is held.
func (r *returns) forgetOld() {
	for len(r.order) > 0 && (time.Since(r.order[0].at) > returnWithin || len(r.order) > maxReturns) {
		r.forget(r.order[0])
		r.order = r.order[1:]
	}
}

// forget forgets an end, unless it was taken; r.mu is held.
func (r *returns) forget(d departure) {
	for i, end := range r.ended[d.browser] {
		if end.At.Equal(d.at) {
			r.remove(d.browser, i)
			return
		}
	}
}

// remove removes the browser's end number i; r.mu is held.
func (r *returns) remove(browser string, i int) {
	ends := r.ended[browser]
	if len(ends) == 1 {
		delete(r.ended, browser)
		return
	}
	r.ended[browser] = append(ends[:i:i], ends[i+1:]...)
}

// back takes one of the browser's ends and returns the number of the last record that it got; ok is false if there is
// none. Of several it is the oldest whose page is due, else the oldest.
func (r *returns) back(browser string) (had uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetOld()
	ends := r.ended[browser]
	if len(ends) == 0 {
		return 0, false
	}
	i := max(0, slices.IndexFunc(ends, ended.due))
	had = ends[i].Had
	r.remove(browser, i)
	return had, true
}

// due reports whether the plugin's page would be back about now.
func (e ended) due() bool {
	age := time.Since(e.At)
	return age >= pageRetry && age%pageRetry < pageLate
}
