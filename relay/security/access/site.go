package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
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
	// askTimeout bounds how long the site may take to answer, and a client waits for that.
	askTimeout = 5 * time.Second

	// maxAsking bounds how many questions are under way: a flood of handshakes must not become one on the site.
	maxAsking = 16

	// knownFor is for how long an answer counts for others with the same credentials, and vouchedFor for how long a
	// client may stay on it.
	knownFor   = 10 * time.Second
	vouchedFor = time.Hour

	// maxKnown bounds the answers that are remembered, and maxAnswer each, in bytes.
	maxKnown  = 10_000
	maxAnswer = 64 << 10
)

// Site is asked whether it knows clients. Use NewSite.
type Site struct {
	url    string
	client *http.Client
	logger *slog.Logger
	noisy  throttle.Throttle
	asking chan struct{} // has an element for each question under way

	mu    sync.Mutex
	known map[[sha256.Size]byte]*answer // by credentials; guarded by mu
}

// answer is what the site says of a client. It is good when done is closed.
type answer struct {
	done    chan struct{}
	asked   time.Time
	claims  map[string]any
	expires time.Time
	err     *Refusal // nil if it is admitted
}

// NewSite returns the site that answers at this URL: with 2xx if it admits the client whose headers Cookie,
// Authorization and Origin it is sent. A body that is a JSON object is what is known of the client; its exp, in Unix
// time, is until when that counts, else it is an hour. Answers count for 10 s for all with equal headers.
func NewSite(at *url.URL, logger *slog.Logger) *Site {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxAsking
	return &Site{
		url: at.String(),
		client: &http.Client{
			Transport: transport,
			Timeout:   askTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // to a login form: it does not know the client
			},
		},
		logger: logger,
		asking: make(chan struct{}, maxAsking),
		known:  make(map[[sha256.Size]byte]*answer),
	}
}

// passedOn are the headers of the client that the site is sent.
var passedOn = []string{"Cookie", "Authorization", "Origin", "User-Agent"}

// ask returns what the site says of the client. The error is a *Refusal: who cannot be asked for is not admitted.
func (s *Site) ask(ctx context.Context, r *http.Request, address string) (*answer, error) {
	hash := sha256.New()
	for _, name := range passedOn {
		for _, value := range r.Header.Values(name) {
			fmt.Fprintf(hash, "%s: %d %s\n", name, len(value), value)
		}
	}
	fmt.Fprintf(hash, "%s", address)
	credentials := [sha256.Size]byte(hash.Sum(nil))
	a, first := s.answerTo(credentials)
	if first {
		// Others may wait for it, too: it does not end with this client.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		s.fill(ctx, a, r, address)
		close(a.done)
		if a.err == unavailable { // the next one asks anew
			s.forget(credentials, a)
		}
	} else {
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, unavailable
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return a, nil
}

// answerTo returns the answer to these credentials. If it is the first to ask, the caller must fill it.
func (s *Site) answerTo(credentials [sha256.Size]byte) (a *answer, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if a := s.known[credentials]; a != nil && now.Sub(a.asked) < knownFor {
		return a, false
	}
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	a = &answer{done: make(chan struct{}), asked: now}
	s.known[credentials] = a
	return a, true
}

func (s *Site) forget(credentials [sha256.Size]byte, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[credentials] == a {
		delete(s.known, credentials)
	}
}

var unavailable = &Refusal{http.StatusServiceUnavailable, "auth_unavailable", "the site cannot be asked who this is; try again"}

// fill asks the site.
func (s *Site) fill(ctx context.Context, a *answer, r *http.Request, address string) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		a.err = unavailable
		return
	}
	response, body, err := s.get(ctx, r, address)
	if err == nil && (response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests) {
		err = errors.New(response.Status)
	}
	switch {
	case err != nil:
		if n, due := s.noisy.Count(); due {
			s.logger.Error("the site cannot be asked who may listen; nobody new is admitted by it", "error", err, "times", n)
		}
		a.err = unavailable
	case response.StatusCode == http.StatusForbidden:
		a.err = &Refusal{http.StatusForbidden, "auth", "the site does not admit this client"}
	case response.StatusCode < 200 || response.StatusCode > 299:
		a.err = &Refusal{http.StatusUnauthorized, "auth", "the site does not know this client"}
	default:
		a.admit(body)
	}
}

func (s *Site) get(ctx context.Context, r *http.Request, address string) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range passedOn {
		request.Header[name] = r.Header.Values(name)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-Forwarded-For", address)
	request.Header.Set("X-Forwarded-Host", r.Host)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return response, body, err
}

// admit takes what the site says of a client that it knows.
func (a *answer) admit(body []byte) {
	a.expires = a.asked.Add(vouchedFor)
	if json.Unmarshal(body, &a.claims) != nil {
		a.claims = nil // some page, for a person
	}
	if exp, ok := a.claims["exp"].(float64); ok {
		a.expires = time.Unix(int64(exp), 0)
		if !a.expires.After(time.Now()) {
			a.err = &Refusal{http.StatusUnauthorized, "auth", "the site's word for this client has expired"}
		}
	}
}
