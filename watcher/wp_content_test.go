package watcher_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wpre-relay/watcher"
)

// layout is a site, and where its wp-content is.
type layout struct {
	name   string
	files  string // the site's files; names that end with / are directories
	config string // PHP code in the wp-config.php among files
	paths  string // each of these paths leads to want
	want   string
}

func TestLocateFindsWPContent(t *testing.T) {
	for _, tc := range []layout{
		{"WordPress in a subdirectory", "index.php wp/wp-load.php wp/wp-config.php wp/wp-content/", "",
			". wp wp/wp-content", "wp/wp-content"},
		{"wp-config.php above WordPress", "index.php wp-config.php wp/wp-load.php wp/wp-content/", "",
			". wp", "wp/wp-content"},
		{"Bedrock", "config/application.php web/wp-config.php web/wp/wp-load.php web/wp/wp-content/ " +
			"web/app/plugins/", "", ". web web/wp web/app", "web/app"},
		{"Bedrock, CONTENT_DIR changed", "config/application.php web/wp-config.php web/wp/wp-load.php " +
			"web/wp/wp-content/ web/wp-content/plugins/", "", ". web web/wp", "web/wp-content"},
		{"Radicle", "public/wp-config.php public/wp/wp-load.php public/wp/wp-content/ public/content/plugins/", "",
			". public public/wp", "public/content"},
		{"another site in a subdirectory", "wp-load.php wp-config.php wp-content/ blog/wp-load.php " +
			"blog/wp-content/realtime-events/", "", ".", "wp-content"},
		{"a directory named app without plugins", "wp-load.php wp-config.php app/ wp-content/", "",
			".", "wp-content"},
		{"two sites, the second has had events", "one/wp-load.php one/wp-content/ two/wp-load.php " +
			"two/wp-content/realtime-events/", "", ".", "two/wp-content"},
		{"multisite", "wp-load.php wp-config.php wp-content/uploads/sites/2/ wp-content/sunrise.php",
			`define('MULTISITE', true);`, ". wp-content", "wp-content"},
	} {
		tc.check(t)
	}
}

func TestLocateFollowsWPContentDirInConfig(t *testing.T) {
	const wordpress = "wp-load.php wp-config.php "
	for _, tc := range []layout{
		{"dirname(__FILE__)", wordpress + "assets/ wp-content/",
			`define( 'WP_CONTENT_DIR', dirname( __FILE__ ) . '/assets' );`, ". assets/realtime-events", "assets"},
		{"__DIR__", wordpress + "assets/",
			`if (!defined("WP_CONTENT_DIR")) define("WP_CONTENT_DIR", __DIR__ . "/assets");`, ".", "assets"},
		{"DOCUMENT_ROOT", "wp-config.php wp/wp-load.php wp/wp-content/ content/",
			`define('WP_CONTENT_DIR', $_SERVER['DOCUMENT_ROOT'] . '/content');`,
			". wp content/realtime-events", "content"},
		{"ABSPATH", "wp-config.php wp/wp-load.php content/",
			`define('WP_CONTENT_DIR', ABSPATH . '../content');`, ". wp", "content"},
		{"dirname(__DIR__)", "web/wp-load.php web/wp-config.php content/",
			`define('WP_CONTENT_DIR', dirname(__DIR__) . '/content');`, ". web", "content"},
		{"dirname(dirname(__FILE__))", "web/wp-load.php web/wp-config.php content/",
			`define('WP_CONTENT_DIR', dirname( dirname( __FILE__ ) ) . '/content');`, ". web", "content"},
		{"const", wordpress + "assets/",
			`const WP_CONTENT_DIR = __DIR__ . '/assets';`, ".", "assets"},
		{"two definitions, the second has had events", wordpress + "a/ b/realtime-events/",
			`if (X) { define('WP_CONTENT_DIR', __DIR__ . '/a'); } else { define('WP_CONTENT_DIR', __DIR__ . '/b'); }`,
			".", "b"},
		{"line comments", wordpress + "old/ wp-content/",
			"\n// define('WP_CONTENT_DIR', __DIR__ . '/old');\n # define('WP_CONTENT_DIR', __DIR__ . '/old');",
			".", "wp-content"},
		{"block comment", wordpress + "old/ wp-content/",
			"/* It's an example:\ndefine('WP_CONTENT_DIR', __DIR__ . '/old');\n*/", ".", "wp-content"},
		{"comment inside the definition, after a URL with slashes", wordpress + "assets/ wp-content/",
			`define('WP_CONTENT_URL', 'https://example.com/assets'); ` +
				`define('WP_CONTENT_DIR', /* moved */ __DIR__ . '/assets'); // 'assets'`, ".", "assets"},
		{"path of another machine", wordpress + "wp-content/",
			`define('WP_CONTENT_DIR', '/var/www/elsewhere/wp-content');`, ".", "wp-content"},
	} {
		tc.check(t)
	}
}

// check creates the site and compares where Locate finds its wp-content.
func (l layout) check(t *testing.T) {
	t.Helper()
	root := l.create(t)
	for path := range strings.FieldsSeq(l.paths) {
		want := filepath.Join(root, l.want, "realtime-events", "latest_event.json")
		if file, doubt, err := watcher.Locate(filepath.Join(root, path)); file != want || doubt != "" || err != nil {
			t.Errorf("%s: Locate(%s) = %s, %q, %v, want %s", l.name, path, file, doubt, err, want)
		}
	}
}

// create creates the site and returns its root.
func (l layout) create(t *testing.T) (root string) {
	t.Helper()
	files := strings.Fields(l.files)
	root = makeFiles(t, files...)
	for _, file := range files {
		if filepath.Base(file) == "wp-config.php" {
			if err := os.WriteFile(filepath.Join(root, file), []byte("<?php\n"+l.config), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// TestLocateDoubtsLeftOverWPContent has a wp-content with events beside a WP_CONTENT_DIR that leads elsewhere.
func TestLocateDoubtsLeftOverWPContent(t *testing.T) {
	for value, reason := range map[string]string{
		`__DIR__ . DIRECTORY_SEPARATOR . 'assets'`: "cannot be determined",
		`ASSETS`:                                   "cannot be determined",
		`ASSETS . '/x'`:                            "cannot be determined",
		`realpath(__DIR__ . '/assets')`:            "cannot be determined",
		`getenv('CONTENT') . '/x'`:                 "cannot be determined",
		`$content`:                                 "cannot be determined",
		`"$root/assets"`:                           "cannot be determined",
		`"\x2fsrv"`:                                "cannot be determined",
		`dirname(__DIR__, 1) . '/assets'`:          "cannot be determined",
		"<<<DIR\n/srv/assets\nDIR":                 "cannot be determined",
		"<<<'DIR'\n/srv/assets;x\nDIR":             "cannot be determined",
		`'assets'`:                                 "cannot be determined",
		`$local ? __DIR__ . '/a' : __DIR__ . '/b'`: "cannot be determined",
		`'/srv/elsewhere/assets'`:                  "does not exist here",
	} {
		for _, definition := range []string{
			"define('WP_CONTENT_DIR', %s);", `DEFINE( "WP_CONTENT_DIR" , %s ) ;`, "const WP_CONTENT_DIR = %s;",
			"const A = 1, WP_CONTENT_DIR = %s;", "define('WP_CONTENT_DIR', %s) ?>",
		} {
			l := layout{
				files:  "wp-load.php wp-config.php assets/ wp-content/realtime-events/",
				config: strings.Replace(definition, "%s", value, 1),
			}
			root := l.create(t)
			file, doubt, err := watcher.Locate(root)
			want := filepath.Join(root, "wp-content/realtime-events/latest_event.json")
			if file != want || err != nil || !strings.Contains(doubt, "pass the folder") {
				t.Errorf("%s: Locate = %s, %q, %v, want %s and a doubt", l.config, file, doubt, err, want)
			}
			if strings.HasPrefix(definition, "define(") && !strings.Contains(doubt, reason) &&
				strings.HasSuffix(definition, ";") {
				t.Errorf("%s: got doubt %q, want %q", l.config, doubt, reason)
			}
			folder := filepath.Join(root, "wp-content")
			for _, path := range []string{folder, filepath.Join(folder, "realtime-events"), want} {
				if file, doubt, err := watcher.Locate(path); file != want || doubt != "" || err != nil {
					t.Errorf("%s: Locate(%s) = %s, %q, %v, want %s", l.config, path, file, doubt, err, want)
				}
			}
		}
	}
}
