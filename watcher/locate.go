package watcher

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The event file's path below WordPress's root.
const (
	wpContentDir = "wp-content"
	eventDir     = "realtime-events"
	eventFile    = "latest_event.json"
)

// LocateByName returns the path that Locate most likely returns. It looks at the names in path only, and so returns
// even if the file system hangs. It is wrong for a WordPress with another wp-content, as Bedrock has it.
func LocateByName(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	switch base := filepath.Base(abs); {
	case strings.HasSuffix(base, ".json"):
		return abs
	case base == eventDir:
		return filepath.Join(abs, eventFile)
	case base == wpContentDir:
		return filepath.Join(abs, eventDir, eventFile)
	default:
		return filepath.Join(abs, wpContentDir, eventDir, eventFile)
	}
}

// Locate returns the path of the plugin's event file. path leads to the file itself, to realtime-events, to
// wp-content (under any name, if it holds plugins or themes), or to the root of WordPress or of the site.
// findWPContent lists where Locate looks for wp-content below a root. Nothing needs to exist yet; then the names
// decide.
//
// doubt says why file may be the wrong one, or is "". Either neither names nor files identified path, and Locate took
// it for the root of WordPress. Or WordPress's configuration sets WP_CONTENT_DIR to a value that Locate cannot
// determine, so that a left-over wp-content would be watched; the path of wp-content is certain then.
func Locate(path string) (file, doubt string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", fmt.Errorf("locate %s: %w", path, err)
	}
	has := func(name string) bool { return exists(filepath.Join(abs, name)) }
	isRoot := has(wpContentDir) || has("wp-load.php") || has("wp-config.php")
	base := filepath.Base(abs)
	switch {
	case !isDir(abs) && (strings.HasSuffix(base, ".json") || exists(abs)):
		return abs, "", nil
	case base == eventDir || has(eventFile):
		return filepath.Join(abs, eventFile), "", nil
	case !isRoot && (base == wpContentDir || has(eventDir) || has("plugins") || has("themes")):
		return filepath.Join(abs, eventDir, eventFile), "", nil
	}
	content, doubt := findWPContent(abs)
	if content == "" {
		content = filepath.Join(abs, wpContentDir)
		if doubt == "" && !isRoot {
			doubt = "no WordPress found in " + abs
		}
	}
	return filepath.Join(content, eventDir, eventFile), doubt, nil
}
