package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// lookAtCompanion finds out whether every event is kept for the relay, and whether that can read them. Names of the outbox
// are not told: they are secret.
func lookAtCompanion(_ context.Context, opts Options) []Finding {
	const check = "companion"
	if opts.File == "" {
		return nil
	}
	dir := filepath.Dir(opts.File)
	content := filepath.Dir(dir)
	outboxes, _ := filepath.Glob(filepath.Join(dir, "events-*.ndjson"))
	there := sources(filepath.Join(content, "mu-plugins"), func(text []byte) bool { return bytes.Contains(text, []byte("class WPRE_Relay_Outbox")) })
	for _, outbox := range outboxes {
		if err := tryRead(outbox); err != nil {
			return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("the user here (uid %d) cannot read the outbox in %s", os.Getuid(), dir),
				Fix: "Run the relay as who owns the files, or in a group that may read them.", Paste: asOwner(outbox)}}
		}
	}
	switch {
	case there && len(outboxes) > 0:
		return one(check, OK, "the companion keeps every event for the relay")
	case there:
		return one(check, OK, "the companion is there; with the first event it makes its outbox")
	}
	dir = filepath.Join(content, "mu-plugins")
	return []Finding{{Check: check, Level: Warn, Text: "of posts that are saved at the same instant, some events are overwritten before anything can read them",
		Fix: "The companion keeps all of them.",
		Paste: []Snip{{"In a shell, as who owns WordPress's files",
			fmt.Sprintf("wpre-relay companion | install -D -m 644 /dev/stdin %s/wpre-relay-companion.php", dir)}}}}
}
