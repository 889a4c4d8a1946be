// Package webhook sends clients' messages to a URL of the site, each with a POST request, in order. It never blocks
// the sender: it drops and counts messages that do not fit into its queue. It does not keep messages across
// restarts.
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
	// maxQueued bounds the number of queued messages. A client may send 4 KiB, so they take at most 4 MiB.
	maxQueued = 1000

	// maxAttempts bounds the attempts to send a message. The pause between two attempts starts with firstPause,
	// doubles each time, and is randomized by half.
	maxAttempts = 5
	firstPause  = 500 * time.Millisecond

	// requestTimeout bounds one attempt.
	requestTimeout = 10 * time.Second

	// maxRetryAfter bounds the pause that the site may ask for (Retry-After, RFC 9110 §10.2.3).
	maxRetryAfter = time.Minute

	// maxDiscarded is how much of a response body is read, in bytes, so that the connection can be reused.
	maxDiscarded = 64 << 10
)

// Message is the JSON body of a request.
type Message struct {
	Text   string `json:"text"`
	Client string `json:"client,omitempty"` // the sub claim of the sender's token, if it has one
}

// Hook sends messages to a URL. Use New. The methods Run and Counts of a nil Hook do nothing.
type Hook struct {
	url      string
	user     *url.Userinfo
	client   *http.Client
	logger   *slog.Logger
	queue    chan Message
	throttle throttle.Throttle // for the log message about lost messages

	sent, dropped, failed atomic.Uint64
}

// New returns a hook for a URL, or nil if address is nil. It sends the user and password in address with HTTP Basic
// authentication, as WordPress' application passwords need it.
func New(address *url.URL, logger *slog.Logger) *Hook {
	if address == nil {
		return nil
	}
	bare := *address
	bare.User = nil
	return &Hook{
		url:  bare.String(),
		user: address.User,
		client: &http.Client{
			Timeout:       requestTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		logger: logger,
		queue:  make(chan Message, maxQueued),
	}
}

// Enqueue queues a message without blocking. It drops the message if the queue is full.
func (h *Hook) Enqueue(message Message) {
	select {
	case h.queue <- message:
	default:
		h.dropped.Add(1)
		h.logLost("queue is full", nil)
	}
}

// Counts returns the number of messages that were sent, that were dropped because the queue was full, and that
// failed.
func (h *Hook) Counts() (sent, dropped, failed uint64) {
	if h == nil {
		return 0, 0, 0
	}
	return h.sent.Load(), h.dropped.Load(), h.failed.Load()
}

// Run sends queued messages until ctx ends. It drops the messages that are queued then.
func (h *Hook) Run(ctx context.Context) {
	if h == nil {
		return
	}
	for {
		select {
		case message := <-h.queue:
			h.send(ctx, message)
		case <-ctx.Done():
			return
		}
	}
}

// send sends a message with up to maxAttempts attempts.
func (h *Hook) send(ctx context.Context, message Message) {
	body, err := json.Marshal(message)
	pause := firstPause
	for n := 1; err == nil; n++ {
		retryAfter, retry, postErr := h.post(ctx, body)
		if postErr == nil {
			h.sent.Add(1)
			return
		}
		if err = postErr; retry && n < maxAttempts {
			err = nil
			select {
			case <-time.After(max(retryAfter, pause/2+rand.N(pause))):
			case <-ctx.Done():
				return
			}
			pause *= 2
		}
	}
	h.failed.Add(1)
	h.logLost("request failed", err)
}

// post makes one attempt. If it fails, retry reports whether another attempt may succeed, and retryAfter is the
// pause that the site asks for.
func (h *Hook) post(ctx context.Context, body []byte) (retryAfter time.Duration, retry bool, err error) {
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
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err // omits the URL, whose query may contain a secret
	}
	if err != nil {
		return 0, ctx.Err() == nil, err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, maxDiscarded))
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return 0, false, nil
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		retryAfter = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return retryAfter, isTemporary(code), fmt.Errorf("response status %s", response.Status)
}

// isTemporary reports whether a request with this response may succeed later.
func isTemporary(code int) bool {
	return code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// logLost logs that a message is lost, at most once in ten seconds.
func (h *Hook) logLost(reason string, err error) {
	if n, due := h.throttle.Count(); due {
		h.logger.Warn("client message not forwarded", "reason", reason, "error", err, "times", n)
	}
}
