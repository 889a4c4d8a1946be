// Package webhook hands texts to a site, each by a POST request, in their order. Nobody waits for it: what does not fit into
// its queue is dropped, and counted.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"wpre-relay/relay/throttle"
)

const (
	// maxQueued bounds the messages that wait. With those of 4 KiB that clients may send, they take 4 MiB.
	maxQueued = 1000

	// attempts is how often a message is tried, with pauses that begin with firstPause and double.
	attempts   = 5
	firstPause = 500 * time.Millisecond

	// patience is how long one attempt may take.
	patience = 10 * time.Second

	// longestWait is how long the site may ask to be left alone (Retry-After, RFC 9110 §10.2.3).
	longestWait = time.Minute
)

// Message is what is handed over, as JSON.
type Message struct {
	Text   string `json:"text"`
	Client string `json:"client,omitempty"` // who said it: the sub of its token, if it has one
}

// Hook is a site that messages go to. Use New. Nil is a hook that nothing goes to.
type Hook struct {
	url    string
	user   *url.Userinfo
	client *http.Client
	logger *slog.Logger
	queue  chan Message
	noisy  throttle.Throttle

	sent, dropped, failed atomic.Uint64
}

// New returns the hook at an address, nil if that is nil. Its user and password go as HTTP Basic authentication, as WordPress' application
// passwords do.
func New(address *url.URL, logger *slog.Logger) *Hook {
	if address == nil {
		return nil
	}
	bare := *address
	bare.User = nil
	return &Hook{
		url:    bare.String(),
		user:   address.User,
		client: &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		logger: logger,
		queue:  make(chan Message, maxQueued),
	}
}

// Offer queues a message, without waiting. If there is no room it is dropped.
func (h *Hook) Enqueue(message Message) {
	select {
	case h.queue <- message:
	default:
		h.dropped.Add(1)
		h.complain("as many messages wait as may", nil)
	}
}

// Counts returns how many messages were handed over, dropped for want of room, and given up.
func (h *Hook) Counts() (sent, dropped, failed uint64) {
	if h == nil {
		return 0, 0, 0
	}
	return h.sent.Load(), h.dropped.Load(), h.failed.Load()
}

// Run hands messages over until ctx ends. What waits then is lost.
func (h *Hook) Run(ctx context.Context) {
	if h == nil {
		return
	}
	for {
		select {
		case message := <-h.queue:
			h.deliver(ctx, message)
		case <-ctx.Done():
			return
		}
	}
}

// deliver tries to hand a message over, a few times.
func (h *Hook) deliver(ctx context.Context, message Message) {
	body, err := json.Marshal(message)
	pause := firstPause
	for n := 1; err == nil; n++ {
		wait, again, postErr := h.post(ctx, body)
		if postErr == nil {
			h.sent.Add(1)
			return
		}
		if err = postErr; again && n < attempts {
			err = nil
			select {
			case <-time.After(max(wait, pause/2+rand.N(pause))):
			case <-ctx.Done():
				return
			}
			pause *= 2
		}
	}
	h.failed.Add(1)
	h.complain("the site does not take it", err)
}

// post makes one attempt. On an error, again says whether another may help, and wait how long the site asks to wait for it.
func (h *Hook) post(ctx context.Context, body []byte) (wait time.Duration, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return 0, false, err
	}
	request.Header.Set("Content-Type", "application/json")
	if h.user != nil {
		password, _ := h.user.Password()
		request.SetBasicAuth(h.user.Username(), password)
	}
	response, err := h.client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, whose query may hold a secret
	}
	if err != nil {
		return 0, ctx.Err() == nil, err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return 0, false, nil
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = min(time.Duration(seconds)*time.Second, longestWait)
	}
	return wait, code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout, fmt.Errorf("it answers %s", response.Status)
}

// complain says that messages are lost, and now and then how many.
func (h *Hook) complain(why string, err error) {
	if n, due := h.noisy.Count(); due {
		h.logger.Warn("a client's message is not forwarded", "why", why, "error", err, "times", n)
	}
}
