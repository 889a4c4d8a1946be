package config

import (
	"errors"
	"time"
)

// Capture holds the settings for reading events and keeping them.
type Capture struct {
	Watch        string        // WordPress's root, its wp-content, realtime-events or the event file; "": watch nothing
	StateDir     string        // "": see StatePath
	History      int           // number of events to keep, at least 1
	HistoryAge   time.Duration // maximum age of replayed events; 0: unlimited
	Debounce     time.Duration // how long an unfinished file may wait for its rest
	PollInterval time.Duration // 0: poll only where notifications do not work
	MaxEventSize Size
}

func defaultCapture() Capture {
	return Capture{History: 10000, Debounce: 50 * time.Millisecond, MaxEventSize: 1 << 20}
}

func (c *Capture) validate() error {
	switch {
	case c.History < 1:
		return errors.New("--history must be at least 1")
	case c.HistoryAge < 0:
		return errors.New("--history-age must not be negative; 0 means unlimited")
	case c.Debounce < 0:
		return errors.New("--debounce must not be negative")
	case c.PollInterval < 0:
		return errors.New("--poll-interval must not be negative")
	}
	return nil
}
