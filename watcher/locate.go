package watcher

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The plugin's file, as it lies below WordPress's root.
const (
	contentDir = "wp-content"
	eventDir   = "realtime-events"
	eventFile  = "latest_event.json"
)

// Locate finds the plugin's event file from a path to the file itself, to realtime-events/, to wp-content/ (under
// any name, if its plugins or themes are there) or to WordPress's root, or the site's; where wp-content is in that, see
// contentIn. Nothing of it need exist yet; then the names tell. sure is false where neither names nor contents did, and
// path was taken for WordPress's root.
func Locate(path string) (file string, sure bool, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", false, fmt.Errorf("locate %s: %w", path, err)
	}
	has := func(name string) bool { return exists(filepath.Join(abs, name)) }
	isRoot := has(contentDir) || has("wp-load.php") || has("wp-config.php")
	base := filepath.Base(abs)
	switch {
	case !isDir(abs) && (strings.HasSuffix(base, ".json") || exists(abs)):
		return abs, true, nil
	case base == eventDir || has(eventFile):
		return filepath.Join(abs, eventFile), true, nil
	case !isRoot && (base == contentDir || has(eventDir) || has("plugins") || has("themes")):
		return filepath.Join(abs, eventDir, eventFile), true, nil
	}
	if content := contentIn(abs); content != "" {
		return filepath.Join(content, eventDir, eventFile), true, nil
	}
	return filepath.Join(abs, contentDir, eventDir, eventFile), isRoot, nil
}
