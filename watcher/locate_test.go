//go:build linux

package watcher_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wpre-relay/watcher"
)

func TestLocate(t *testing.T) {
	root := t.TempDir()
	p := &player{t: t, root: root}
	for _, dir := range []string{
		"site/wp-content/realtime-events", "fresh", "moved/plugins", "bedrock/app/themes",
		"config-only", "named/wp-content", "dir/realtime-events", "odd",
	} {
		if err := p.do("mkdir", dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"config-only/wp-config.php", "odd/latest_event.json", "plain"} {
		if err := p.do("put", file); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		path, want string
		sure       bool
	}{
		{"site", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content/", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content/realtime-events", "site/wp-content/realtime-events/latest_event.json", true},
		{"site/wp-content/realtime-events/latest_event.json", "site/wp-content/realtime-events/latest_event.json", true},
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
		file, sure, err := watcher.Locate(filepath.Join(root, tc.path))
		if want := filepath.Join(root, tc.want); err != nil || file != want || sure != tc.sure {
			t.Errorf("Locate(%s) = %s, %v, %v, want %s, %v", tc.path, file, sure, err, want, tc.sure)
		}
	}
}

// TestLocateInLayouts finds wp-content in sites of every layout. A site is its files; those that end with / are
// folders.
func TestLocateInLayouts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		site  map[string]string
		watch []string // each of these
		want  string
	}{
		{"subdirectory, and its own wp-config.php", map[string]string{"index.php": "", "wp/wp-load.php": "", "wp/wp-config.php": "", "wp/wp-content/": ""},
			[]string{".", "wp", "wp/wp-content"}, "wp/wp-content"},
		{"subdirectory, wp-config.php above", map[string]string{"index.php": "", "wp-config.php": "", "wp/wp-load.php": "", "wp/wp-content/": ""},
			[]string{".", "wp"}, "wp/wp-content"},
		{"moved, by dirname", map[string]string{"wp-load.php": "", "wp-config.php": "<?php\ndefine( 'WP_CONTENT_DIR', dirname( __FILE__ ) . '/assets' );", "assets/": "", "wp-content/": ""},
			[]string{".", "assets/realtime-events"}, "assets"},
		{"moved, by __DIR__", map[string]string{"wp-load.php": "", "wp-config.php": `<?php if (!defined("WP_CONTENT_DIR")) define("WP_CONTENT_DIR", __DIR__ . "/assets");`, "assets/": ""},
			[]string{"."}, "assets"},
		{"moved, beside WordPress", map[string]string{"wp-config.php": "<?php define('WP_CONTENT_DIR', $_SERVER['DOCUMENT_ROOT'] . '/content');", "wp/wp-load.php": "", "wp/wp-content/": "", "content/": ""},
			[]string{".", "wp", "content/realtime-events"}, "content"},
		{"moved, by ABSPATH", map[string]string{"wp-config.php": "<?php define('WP_CONTENT_DIR', ABSPATH . '../content');", "wp/wp-load.php": "", "content/": ""},
			[]string{".", "wp"}, "content"},
		{"moved, above", map[string]string{"web/wp-load.php": "", "web/wp-config.php": "<?php define('WP_CONTENT_DIR', dirname(__DIR__) . '/content');", "content/": ""},
			[]string{".", "web"}, "content"},
		{"moved in a comment", map[string]string{"wp-load.php": "", "wp-config.php": "<?php\n// define('WP_CONTENT_DIR', __DIR__ . '/old');\n # define('WP_CONTENT_DIR', __DIR__ . '/old');", "old/": "", "wp-content/": ""},
			[]string{"."}, "wp-content"},
		{"moved in a block comment", map[string]string{"wp-load.php": "", "wp-config.php": "<?php\n/* It's an example:\ndefine('WP_CONTENT_DIR', __DIR__ . '/old');\n*/", "old/": "", "wp-content/": ""},
			[]string{"."}, "wp-content"},
		{"moved, behind an address", map[string]string{"wp-load.php": "", "wp-config.php": "<?php define('WP_CONTENT_URL', 'https://example.com/assets'); define('WP_CONTENT_DIR', /* moved */ __DIR__ . '/assets'); // 'assets'", "assets/": "", "wp-content/": ""},
			[]string{"."}, "assets"},
		{"moved, by const", map[string]string{"wp-load.php": "", "wp-config.php": "<?php\nconst WP_CONTENT_DIR = __DIR__ . '/assets';", "assets/": "", "wp-content/": ""},
			[]string{"."}, "assets"},
		{"moved, one of two ways", map[string]string{"wp-load.php": "", "wp-config.php": "<?php if (X) { define('WP_CONTENT_DIR', __DIR__ . '/a'); } else { define('WP_CONTENT_DIR', __DIR__ . '/b'); }", "a/": "", "b/realtime-events/": ""},
			[]string{"."}, "b"},
		{"moved above, by dirname of dirname", map[string]string{"web/wp-load.php": "", "web/wp-config.php": "<?php define('WP_CONTENT_DIR', dirname( dirname( __FILE__ ) ) . '/content');", "content/": ""},
			[]string{".", "web"}, "content"},
		{"moved to where only PHP knows", map[string]string{"wp-load.php": "", "wp-config.php": "<?php define('WP_CONTENT_DIR', getenv('CONTENT') . '/x');", "wp-content/": ""},
			[]string{"."}, "wp-content"},
		{"moved to what the relay sees elsewhere", map[string]string{"wp-load.php": "", "wp-config.php": "<?php define('WP_CONTENT_DIR', '/var/www/elsewhere/wp-content');", "wp-content/": ""},
			[]string{"."}, "wp-content"},
		{"Bedrock", map[string]string{"config/application.php": "", "web/wp-config.php": "", "web/wp/wp-load.php": "", "web/wp/wp-content/": "", "web/app/plugins/": ""},
			[]string{".", "web", "web/wp", "web/app"}, "web/app"},
		{"Bedrock, CONTENT_DIR changed", map[string]string{"config/application.php": "", "web/wp-config.php": "", "web/wp/wp-load.php": "", "web/wp/wp-content/": "", "web/wp-content/plugins/": ""},
			[]string{".", "web", "web/wp"}, "web/wp-content"},
		{"Radicle", map[string]string{"public/wp-config.php": "", "public/wp/wp-load.php": "", "public/wp/wp-content/": "", "public/content/plugins/": ""},
			[]string{".", "public", "public/wp"}, "public/content"},
		{"another site below", map[string]string{"wp-load.php": "", "wp-config.php": "", "wp-content/": "", "blog/wp-load.php": "", "blog/wp-content/realtime-events/": ""},
			[]string{"."}, "wp-content"},
		{"an app of another kind", map[string]string{"wp-load.php": "", "wp-config.php": "", "app/": "", "wp-content/": ""},
			[]string{"."}, "wp-content"},
		{"the one that has seen events", map[string]string{"one/wp-load.php": "", "one/wp-content/": "", "two/wp-load.php": "", "two/wp-content/realtime-events/": ""},
			[]string{"."}, "two/wp-content"},
		{"multisite", map[string]string{"wp-load.php": "", "wp-config.php": "<?php define('MULTISITE', true);", "wp-content/uploads/sites/2/": "", "wp-content/sunrise.php": ""},
			[]string{".", "wp-content"}, "wp-content"},
	} {
		root := t.TempDir()
		for name, text := range tc.site {
			path := filepath.Join(root, name)
			dir := filepath.Dir(path)
			if strings.HasSuffix(name, "/") {
				dir = path
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if dir != path {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, watch := range tc.watch {
			want := filepath.Join(root, tc.want, "realtime-events", "latest_event.json")
			if file, sure, err := watcher.Locate(filepath.Join(root, watch)); file != want || !sure || err != nil {
				t.Errorf("%s: Locate(%s) = %s, %v, %v, want %s", tc.name, watch, file, sure, err, want)
			}
		}
	}
}
