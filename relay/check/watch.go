package check

import (
	"context"
	"strings"
)

// checkWatch checks whether the kernel reports changes of the event file. The reasons for polling come from the
// watcher.
func checkWatch(_ context.Context, opts Options) []Finding {
	const check = "watching"
	if opts.File == "" || opts.Watch == nil {
		return nil
	}
	mode, reason := opts.Watch(opts.File)
	polling := "the file is read every 100 ms: " + reason
	switch {
	case mode != "polling":
		return []Finding{ok(check, "the kernel reports changes ("+mode+")")}
	case opts.PollInterval > 0:
		return []Finding{ok(check, "the file is read at the interval of --poll-interval")}
	case strings.Contains(reason, "fs.inotify"):
		return []Finding{warn(check, polling,
			"Raise the limit, on the host if this is a container. The relay uses the new limit within a second:",
			Snippet{"For /etc/sysctl.d/60-inotify.conf, then: sysctl --system",
				"fs.inotify.max_user_instances = 1024\nfs.inotify.max_user_watches = 524288"})}
	default:
		return []Finding{warn(check, polling, "Run the relay on the machine where WordPress writes the file, on the "+
			"same file system: the kernel then reports each change. Polling misses events that are overwritten within "+
			"100 ms.")}
	}
}
