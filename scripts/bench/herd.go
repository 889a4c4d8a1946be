package main

// herd is the result of clients that connect all at once.
type herd struct {
	Clients   int        `json:"clients"`
	Connected int        `json:"connected"`
	Timeouts  *float64   `json:"timeouts"`
	Rejected  *float64   `json:"refused"`
	Seconds   *float64   `json:"seconds"`
	Quiet     *quantiles `json:"quiet_us"`
	During    *quantiles `json:"during_us"`
}

// herdTime returns the time until the whole herd was connected, in microseconds.
func (h *herd) herdTime() *float64 {
	if h.Seconds == nil {
		return nil
	}
	return new(*h.Seconds * 1e6)
}

// duringToQuiet returns the latency while the herd connected as a multiple of that before.
func (h *herd) duringToQuiet() *float64 {
	during, quiet := h.During.p99(), h.Quiet.p99()
	if during == nil || quiet == nil {
		return nil
	}
	return ratio(*during, *quiet)
}

// ofHerd returns the function of a column for a value of the herd.
func ofHerd(value func(*herd) *float64) func(*result) *float64 {
	return func(r *result) *float64 {
		if r.Herd == nil {
			return nil
		}
		return value(r.Herd)
	}
}
