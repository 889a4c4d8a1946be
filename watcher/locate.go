package watcher

import (
	"fmt"
	"os"
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
// any name, if its plugins or themes are there) or to WordPress's root. Nothing of it need exist yet; then the
// names tell. sure is false where neither names nor contents did, and path was taken for WordPress's root.
func Locate(path string) (file string, sure bool, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", false, fmt.Errorf("locate %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	isDir := err == nil && info.IsDir()
	has := func(name string) bool {
		_, err := os.Lstat(filepath.Join(abs, name))
		return err == nil
	}
	base := filepath.Base(abs)
	switch {
	case !isDir && (err == nil || strings.HasSuffix(base, ".json")):
		return abs, true, nil
	case base == eventDir || has(eventFile):
		return filepath.Join(abs, eventFile), true, nil
	case has(contentDir) || has("wp-load.php") || has("wp-config.php"):
		return filepath.Join(abs, contentDir, eventDir, eventFile), true, nil
	case base == contentDir || has(eventDir) || has("plugins") || has("themes"):
		return filepath.Join(abs, eventDir, eventFile), true, nil
	default:
		return filepath.Join(abs, contentDir, eventDir, eventFile), false, nil
	}
}
