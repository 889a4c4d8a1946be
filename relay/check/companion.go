package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// checkCompanion checks whether the companion is installed and whether the relay can read its outbox. The findings
// never contain the name of the outbox, which is a secret.
func checkCompanion(_ context.Context, opts Options) []Finding {
	const check = "companion"
	if opts.File == "" {
		return nil
	}
	dir := filepath.Dir(opts.File)
	if _, err := os.Stat(filepath.Dir(dir)); errors.Is(err, fs.ErrNotExist) {
		return []Finding{skip(check, "not checked: "+filepath.Dir(dir)+" does not exist")}
	}
	outboxes, err := findOutboxes(dir)
	if err != nil {
		return []Finding{notLooked(check, err)}
	}
	for _, outbox := range outboxes {
		if err := tryRead(outbox); err != nil {
			text := fmt.Sprintf("the current user (uid %d) cannot read the outbox in %s", os.Getuid(), dir)
			return []Finding{fail(check, text, runAsOwner, asOwner(outbox)...)}
		}
	}
	muPlugins := opts.contentDir("WPMU_PLUGIN_DIR", "mu-plugins")
	installed, err := opts.findCompanion(muPlugins)
	switch {
	case err != nil:
		return []Finding{notLooked(check, err)}
	case installed != "":
		return []Finding{checkInstalledCompanion(opts, installed, muPlugins, len(outboxes) > 0)}
	}
	return []Finding{warn(check,
		"the companion is not installed: when posts are saved at the same instant, some events are overwritten before "+
			"the relay can read them",
		"Install the companion, which stores every event:",
		installCompanion(filepath.Dir(dir)))}
}

// findCompanion returns the path of the installed companion. If it returns "" with an error, there may be one.
func (o Options) findCompanion(muPlugins string) (path string, err error) {
	return findSource(muPlugins, 1, o.codeContains("class WPRE_Relay_Outbox"))
}

// checkInstalledCompanion checks the companion in the file at path. WordPress loads only files directly in mu-plugins,
// but another must-use plugin may load the rest, which an outbox proves.
func checkInstalledCompanion(opts Options, path, muPlugins string, hasOutbox bool) Finding {
	const check = "companion"
	source, err := readBounded(path)
	unixLines := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }
	switch {
	case err != nil:
		return notLooked(check, err)
	case filepath.Dir(path) != muPlugins && !hasOutbox:
		return warn(check, "WordPress does not load the companion from "+path,
			"Move the file to "+muPlugins+": WordPress loads no must-use plugins in directories below it.")
	case !bytes.Equal(unixLines(source), unixLines(opts.Companion)):
		return warn(check, path+" is not the companion of this wpre-relay: it is outdated or was changed",
			"Replace it:", installCompanion(filepath.Dir(path)))
	case hasOutbox:
		return ok(check, "the companion stores every event for the relay")
	}
	return ok(check, "the companion is installed; it creates its outbox with the first event")
}

// findOutboxes returns the paths of the companion's outboxes. A directory that does not exist has none.
func findOutboxes(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, "events-") && strings.HasSuffix(name, ".ndjson") {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths, nil
}

// installCompanion returns the command that installs the companion. dir is wp-content, or a directory with a companion.
func installCompanion(dir string) Snippet {
	return Snippet{"In a shell, as root or as the owner of WordPress's files",
		"wpre-relay companion --install " + shellQuote(dir)}
}
