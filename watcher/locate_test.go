package watcher_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wpre-relay/watcher"
)

// makeFiles creates files below a new directory, and returns the directory. A name that ends with / is a directory.
func makeFiles(t *testing.T, names ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLocate(t *testing.T) {
	root := makeFiles(t, "site/wp-content/realtime-events/", "fresh/", "moved/plugins/", "bedrock/app/themes/",
		"config-only/wp-config.php", "named/wp-content/", "dir/realtime-events/", "odd/latest_event.json", "plain")
	for _, tc := range []struct {
		path, want string
		certain    bool
	}{
		{"site", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content/", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content/realtime-events", "site/wp-content/realtime-events/latest_event.json", true},
		{"odd/latest_event.json", "odd/latest_event.json", true},
		{"moved", "moved/realtime-events/latest_event.json", true},
		{"bedrock/app", "bedrock/app/realtime-events/latest_event.json", true},
		{"config-only", "config-only/wp-content/realtime-events/latest_event.json", true},
		{"named/wp-content", "named/wp-content/realtime-events/latest_event.json", true},
		{"dir/realtime-events", "dir/realtime-events/latest_event.json", true},
		{"odd", "odd/latest_event.json", true},
		{"plain", "plain", true},
		{"absent/wp-content", "absent/wp-content/realtime-events/latest_event.json", true},
		{"absent/realtime-events", "absent/realtime-events/latest_event.json", true},
		{"absent/events.json", "absent/events.json", true},
		{"fresh", "fresh/wp-content/realtime-events/latest_event.json", false},
		{"absent", "absent/wp-content/realtime-events/latest_event.json", false},
	} {
		file, doubt, err := watcher.Locate(filepath.Join(root, tc.path))
		if want := filepath.Join(root, tc.want); err != nil || file != want || (doubt == "") != tc.certain {
			t.Errorf("Locate(%s) = %s, %q, %v, want %s, %v", tc.path, file, doubt, err, want, tc.certain)
		}
	}
}
