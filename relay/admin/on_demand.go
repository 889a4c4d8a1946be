package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// onDemand serves a result that takes work to produce. However many pages ask, it is produced once at a time, and at
// most once per interval; further requests get the last result.
type onDemand struct {
	interval time.Duration
	limit    time.Duration // of one production
	produce  func(ctx context.Context) (any, error)
	turn     chan struct{} // holds one token; its holder owns the fields below

	at     time.Time
	result []byte // JSON; nil before the first
}

// dated is a result with the time at which it was produced.
type dated struct {
	Time   time.Time `json:"time"`
	Result any       `json:"result"`
}

func newOnDemand(interval, limit time.Duration, produce func(context.Context) (any, error)) *onDemand {
	o := &onDemand{interval: interval, limit: limit, produce: produce, turn: make(chan struct{}, 1)}
	o.turn <- struct{}{}
	return o
}

// ServeHTTP implements http.Handler.
func (o *onDemand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(o.limit + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), o.limit)
	defer cancel()
	result, err := o.get(ctx)
	if err != nil {
		http.Error(w, "wpre-relay: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(result)
}

// get returns the last result, or a new one if that is older than the interval.
func (o *onDemand) get(ctx context.Context) ([]byte, error) {
	select {
	case <-o.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { o.turn <- struct{}{} }()
	if o.result != nil && time.Since(o.at) < o.interval {
		return o.result, nil
	}
	produced, err := o.produce(ctx)
	if err == nil {
		err = ctx.Err() // the result may be incomplete
	}
	if err != nil {
		return nil, err
	}
	at := time.Now()
	result, err := json.Marshal(dated{at, produced})
	if err == nil {
		o.result, o.at = result, at
	}
	return result, err
}
