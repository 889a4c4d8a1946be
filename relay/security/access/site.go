package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"wpre-relay/relay/throttle"
)

const (
	// siteTimeout limits the time for the site's answer, and thus a client's wait for it.
	siteTimeout = 5 * time.Second

	// maxCachedAnswers limits the cached answers.
	maxCachedAnswers = 10_000

	// maxAnswerSize limits the body of one answer, in bytes.
	maxAnswerSize = 64 << 10
)

// errUnavailable is the rejection of a client that the site could not be asked about, or without a readable answer.
var errUnavailable = &Rejection{Unavailable, "authorization by the site failed; retry"}

// forwardedHeaders are the client's headers that the site receives.
var forwardedHeaders = []string{"Cookie", "Authorization", "Origin", "User-Agent"}

// Site authorizes clients by a request to the WordPress site. Use NewSite. It may be used by several goroutines.
type Site struct {
	url      string
	client   *http.Client
	logger   *slog.Logger
	throttle throttle.Throttle // for the log message about failed requests
	limit    *requestLimit

	mu    sync.Mutex
	cache map[[sha256.Size]byte]*answer // by credentials; guarded by mu
}

// NewSite returns a Site that sends requests to the given URL, with the client's Cookie, Authorization, Origin and
// User-Agent headers, and the path of the client's request as X-Forwarded-Uri. A 2xx status admits the client. A body
// with a JSON object has the client's claims; its exp is the Unix time until which the client may stay connected, by
// default one hour. A body that looks like JSON but cannot be read admits nobody. Answers are reused for 10 seconds for
// requests with the same headers, address and path.
func NewSite(authURL *url.URL, logger *slog.Logger) *Site {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxSiteRequests
	return &Site{
		url: authURL.String(),
		client: &http.Client{
			Transport: transport,
			Timeout:   siteTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a redirect to the login form means that the client is unknown
			},
		},
		logger: logger,
		limit:  newRequestLimit(),
		cache:  make(map[[sha256.Size]byte]*answer),
	}
}

// authorize returns the site's answer for a client that it admits. The error is always a *Rejection.
func (s *Site) authorize(ctx context.Context, r *http.Request, address string) (*answer, error) {
	key := credentialsKey(r, address)
	a, first := s.cached(key)
	if first {
		// Other clients may wait for this answer, so it does not depend on this client's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), siteTimeout)
		defer cancel()
		s.ask(ctx, a, r, address)
		close(a.done)
		if a.err == errUnavailable {
			s.forget(key, a)
		}
	} else {
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, errUnavailable
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return a, nil
}

// credentialsKey returns a hash of everything about a client that the site receives.
func credentialsKey(r *http.Request, address string) [sha256.Size]byte {
	hash := sha256.New()
	for _, name := range forwardedHeaders {
		for _, value := range r.Header.Values(name) {
			fmt.Fprintf(hash, "%s: %d %s\n", name, len(value), value)
		}
	}
	fmt.Fprintf(hash, "%d %s %s", len(address), address, r.URL.EscapedPath())
	return [sha256.Size]byte(hash.Sum(nil))
}

// cached returns the answer for these credentials. If first is true, the answer is new and the caller must complete
// it.
func (s *Site) cached(key [sha256.Size]byte) (a *answer, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if a := s.cache[key]; a != nil && a.isFresh(now) {
		return a, false
	}
	if len(s.cache) >= maxCachedAnswers {
		clear(s.cache)
	}
	a = &answer{done: make(chan struct{}), asked: now}
	s.cache[key] = a
	return a, true
}

// forget removes an answer from the cache, so that the next client asks again.
func (s *Site) forget(key [sha256.Size]byte, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache[key] == a {
		delete(s.cache, key)
	}
}

// ask sends a request to the site and completes a with the result.
func (s *Site) ask(ctx context.Context, a *answer, r *http.Request, address string) {
	release, err := s.limit.acquire(ctx, address)
	if err != nil {
		a.err = errUnavailable
		return
	}
	defer release()
	response, body, err := s.get(ctx, r, address)
	switch {
	case err != nil:
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		err = errors.New(response.Status)
	case response.StatusCode >= 200 && response.StatusCode <= 299:
		err = a.admit(response.Header, body)
	}
	switch {
	case err != nil:
		if n, due := s.throttle.Count(); due {
			s.logger.Error("auth request failed, rejecting clients", "error", err, "times", n)
		}
		a.err = errUnavailable
	case response.StatusCode == http.StatusForbidden:
		a.err = &Rejection{Forbidden, "the site does not admit this client"}
	case response.StatusCode < 200 || response.StatusCode > 299:
		a.err = &Rejection{UnknownClient, "the site does not know this client"}
	}
}

func (s *Site) get(ctx context.Context, r *http.Request, address string) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range forwardedHeaders {
		request.Header[name] = r.Header.Values(name)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-Forwarded-For", address)
	request.Header.Set("X-Forwarded-Host", r.Host)
	request.Header.Set("X-Forwarded-Uri", r.URL.EscapedPath()) // without the query, which may contain a token
	response, err := s.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerSize+1))
	if err == nil && len(body) > maxAnswerSize {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswerSize)
	}
	return response, body, err
}
