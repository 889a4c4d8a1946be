package cli

import (
	"time"

	"wpre-relay/relay/config"
)

// Capture has the flags of config.Capture.
type Capture struct {
	Watch        string        `placeholder:"PATH"`
	StateDir     string        `placeholder:"DIR"`
	History      int           `placeholder:"N" default:"10000"`
	HistoryAge   time.Duration `placeholder:"TIME" default:"0"`
	Debounce     time.Duration `placeholder:"TIME" default:"50ms"`
	PollInterval time.Duration `placeholder:"TIME" default:"0"`
	MaxEventSize config.Size   `placeholder:"SIZE" default:"1MiB"`
}

var captureHelp = helpTexts{
	"--watch": "Path to watch: WordPress's root, wp-content, realtime-events or the event file. It may not exist " +
		"yet. Required unless --broker or --publish-token is set.",
	"--state-dir": "Directory for the history and other state that survives restarts (default: $$STATE_DIRECTORY, " +
		"else wpre-relay in $$XDG_STATE_HOME or ~/.local/state).",
	"--history": "Number of events to keep for clients that resume (default: ${default}).",
	"--history-age": "Maximum age of replayed events (default: 0, unlimited). Older events are deleted within " +
		"twice this time; the newest is kept.",
	"--debounce": "Maximum time to wait for the rest of an unfinished file before it counts as invalid; complete " +
		"files are relayed at once (default: ${default}).",
	"--poll-interval": "Read the file at this interval instead of on notifications from the kernel (default: 0, " +
		"poll only where notifications do not work, every 100ms).",
	"--max-event-size": "Maximum size of an event, in bytes, KiB or MiB (default: ${default}).",
}
