package check

import (
	"context"
	"strings"
)

func lookAtWatch(_ context.Context, opts Options) []Finding {
	const check = "watching"
	if opts.File == "" || opts.Watch == nil {
		return nil
	}
	mode, reason := opts.Watch(opts.File)
	finding := Finding{Check: check, Level: OK, Text: "changes are announced by the kernel (" + mode + ")"}
	if mode != "polling" {
		return []Finding{finding}
	}
	finding.Text = "the file is read every 100 ms: " + reason
	switch {
	case strings.Contains(reason, "fs.inotify"):
		finding.Level = Warn
		finding.Fix = "Raise the limit, on the host if this is a container; the relay finds out within a second:"
		finding.Paste = []Snip{{"For /etc/sysctl.d/60-inotify.conf, then: sysctl --system",
			"fs.inotify.max_user_instances = 1024\nfs.inotify.max_user_watches = 524288"}}
	case reason == "poll interval is set":
		finding.Text = "the file is read at the pace that --poll-interval asks for"
	default:
		finding.Level = Warn
		finding.Fix = "Run the relay on the machine that WordPress writes from, on the same file system, for events within a millisecond. Polling misses what is overwritten within 100 ms."
	}
	return []Finding{finding}
}
