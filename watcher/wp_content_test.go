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
		{"unknown function", wordpress + "wp-content/",
			`define('WP_CONTENT_DIR', getenv('CONTENT') . '/x');`, ".", "wp-content"},
		{"path of another machine", wordpress + "wp-content/",
			`define('WP_CONTENT_DIR', '/var/www/elsewhere/wp-content');`, ".", "wp-content"},
	} {
		tc.check(t)
	}
}

// check creates the site and compares where Locate finds its wp-content.
func (l layout) check(t *testing.T) {
	t.Helper()
	files := strings.Fields(l.files)
	root := makeFiles(t, files...)
	for _, file := range files {
		if filepath.Base(file) == "wp-config.php" {
			if err := os.WriteFile(filepath.Join(root, file), []byte("<?php\n"+l.config), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path := range strings.FieldsSeq(l.paths) {
		want := filepath.Join(root, l.want, "realtime-events", "latest_event.json")
		if file, certain, err := watcher.Locate(filepath.Join(root, path)); file != want || !certain || err != nil {
			t.Errorf("%s: Locate(%s) = %s, %v, %v, want %s", l.name, path, file, certain, err, want)
		}
	}
}
