package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// checkCompanion checks whether the companion is installed and whether the relay can read its outbox. The findings
// never contain the name of the outbox, which is a secret.
func checkCompanion(_ context.Context, opts Options) []Finding {
	const check = "companion"
	if opts.File == "" {
		return nil
	}
	dir := filepath.Dir(opts.File)
	muPlugins := filepath.Join(filepath.Dir(dir), "mu-plugins")
	outboxes, _ := filepath.Glob(filepath.Join(dir, "events-*.ndjson"))
	for _, outbox := range outboxes {
		if err := tryRead(outbox); err != nil {
			text := fmt.Sprintf("the current user (uid %d) cannot read the outbox in %s", os.Getuid(), dir)
			return []Finding{fail(check, text, runAsOwner, asOwner(outbox)...)}
		}
	}
	installed := anySource(muPlugins, func(source []byte) bool {
		return bytes.Contains(source, []byte("class WPRE_Relay_Outbox"))
	})
	switch {
	case installed && len(outboxes) > 0:
		return []Finding{ok(check, "the companion stores every event for the relay")}
	case installed:
		return []Finding{ok(check, "the companion is installed; it creates its outbox with the first event")}
	}
	return []Finding{warn(check,
		"when posts are saved at the same instant, some events are overwritten before the relay can read them",
		"Install the companion, which stores every event:",
		installCompanion(muPlugins))}
}

// installCompanion returns the command that installs the companion.
func installCompanion(muPlugins string) Snippet {
	return Snippet{"In a shell, as the owner of WordPress's files",
		"wpre-relay companion | install -D -m 644 /dev/stdin " + muPlugins + "/wpre-relay-companion.php"}
}
