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

// Locate returns the path of the plugin's event file. path leads to the file itself, to realtime-events, to
// wp-content (under any name, if it holds plugins or themes), or to the root of WordPress or of the site.
// findWPContent lists where Locate looks for wp-content below a root. Nothing needs to exist yet; then the names
// decide. certain is false if neither names nor files identified path, and Locate took it for the root of WordPress.
func Locate(path string) (file string, certain bool, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", false, fmt.Errorf("locate %s: %w", path, err)
	}
	has := func(name string) bool { return exists(filepath.Join(abs, name)) }
	isRoot := has(wpContentDir) || has("wp-load.php") || has("wp-config.php")
	base := filepath.Base(abs)
	switch {
	case !isDir(abs) && (strings.HasSuffix(base, ".json") || exists(abs)):
		return abs, true, nil
	case base == eventDir || has(eventFile):
		return filepath.Join(abs, eventFile), true, nil
	case !isRoot && (base == wpContentDir || has(eventDir) || has("plugins") || has("themes")):
		return filepath.Join(abs, eventDir, eventFile), true, nil
	}
	if content := findWPContent(abs); content != "" {
		return filepath.Join(content, eventDir, eventFile), true, nil
	}
	return filepath.Join(abs, wpContentDir, eventDir, eventFile), isRoot, nil
}
