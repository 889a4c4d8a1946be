package watcher_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wpre-relay/watcher"
)

// constants are configurations of WordPress, and the values of FS_METHOD in them. PHP's own answer is in
// TestConfigConstantAgreesWithPHP.
var constants = []struct {
	name, config string
	want         []string
}{
	{"define", `define('FS_METHOD', 'direct');`, []string{"direct"}},
	{"upper case and double quotes", `DEFINE ( "FS_METHOD" , "ssh2" ) ;`, []string{"ssh2"}},
	{"const", `const FS_METHOD = 'direct';`, []string{"direct"}},
	{"const in a list", "const A = ',', FS_METHOD = 'ftpext',\n\tB = 1;", []string{"ftpext"}},
	{"if not defined", `if ( ! defined( 'FS_METHOD' ) ) { define( 'FS_METHOD', 'direct' ); }`, []string{"direct"}},
	{"if not defined, short", `defined('FS_METHOD') || define('FS_METHOD', 'direct');`, []string{"direct"}},
	{"comments", "// define('FS_METHOD', 'a');\n# define('FS_METHOD', 'b');\n/* define('FS_METHOD', 'c'); */" +
		"define(/* x */ 'FS_METHOD', 'direct'); // 'd'", []string{"direct"}},
	{"comment with an apostrophe", "// Don't\ndefine('FS_METHOD', 'direct');", []string{"direct"}},
	{"string with a comment", `define('A', 'http://b/*'); define('FS_METHOD', 'direct'); define('C', '*/');`,
		[]string{"direct"}},
	{"string with a definition", `$a = "define('FS_METHOD', 'ftpext');"; $b = 'const FS_METHOD = 1;';`, nil},
	{"heredoc with a definition", "$a = <<<X\ndefine('FS_METHOD', 'ftpext');\nX;\n$b = <<<'Y'\n" +
		"const FS_METHOD = 'ssh2';\nY;\ndefine('FS_METHOD', 'direct');", []string{"direct"}},
	{"text outside of PHP", "?>define('FS_METHOD', 'ftpext');<?php define('FS_METHOD', 'direct') ?> it's",
		[]string{"direct"}},
	{"comment before a closing tag", "// old ?><?php define('FS_METHOD', 'direct');", []string{"direct"}},
	{"attribute", "#[A] function f() {} define('FS_METHOD', 'direct');", []string{"direct"}},
	{"semicolon in a string", `define('A', ';'); define('FS_METHOD', 'di' . 'rect');`, []string{"direct"}},
	{"other constant", `define('NO_FS_METHOD', 'ftpext'); define('FS_METHODS', 'ftpext');`, nil},
	{"boolean", `define('FS_METHOD', TRUE);`, []string{"true"}},
	{"empty", `define('FS_METHOD', '');`, []string{""}},
}

// configOf creates a WordPress with this configuration and returns its root and its event file.
func configOf(t *testing.T, config string) (root, file string) {
	t.Helper()
	l := layout{files: "wp-load.php wp-config.php wp-content/", config: config}
	root = l.create(t)
	return root, filepath.Join(root, "wp-content/realtime-events/latest_event.json")
}

func TestConfigConstantReadsPHP(t *testing.T) {
	for _, tc := range constants {
		root, file := configOf(t, tc.config)
		for _, path := range []string{"", root} {
			if got, err := watcher.ConfigConstant(path, file, "FS_METHOD"); !slices.Equal(got, tc.want) || err != nil {
				t.Errorf("%s: got %q, %v, want %q", tc.name, got, err, tc.want)
			}
		}
	}
}

func TestConfigConstantReportsAllBranches(t *testing.T) {
	root, file := configOf(t, `if ($x) { define('FS_METHOD', 'direct'); } else { define('FS_METHOD', 'ftpext'); }`)
	got, err := watcher.ConfigConstant(root, file, "FS_METHOD")
	if !slices.Equal(got, []string{"direct", "ftpext"}) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestConfigConstantDoesNotGuess(t *testing.T) {
	for _, value := range []string{`getenv('M')`, `$m`, `"$m"`, `A`, `$a ? 'direct' : 'ftpext'`, "<<<X\ndirect\nX"} {
		root, file := configOf(t, "define('FS_METHOD', "+value+");")
		if got, err := watcher.ConfigConstant(root, file, "FS_METHOD"); err == nil {
			t.Errorf("%s: got %q, want an error", value, got)
		}
	}
}

func TestConfigConstantFindsConfig(t *testing.T) {
	const config = `define('FS_METHOD', 'direct');`
	for _, l := range []layout{
		{files: "wp-config.php wp/wp-load.php wp/wp-content/", paths: ". wp", want: "wp/wp-content"},
		{files: "wp-load.php wp-config.php assets/", paths: ".", want: "assets"},
		{files: "web/wp-config.php web/wp/wp-load.php web/app/plugins/", paths: ". web", want: "web/app"},
		{files: "web/wp-load.php web/wp-config.php content/a/", paths: "web", want: "content/a"},
	} {
		l.config = config
		root := l.create(t)
		file := filepath.Join(root, l.want, "realtime-events/latest_event.json")
		for path := range strings.FieldsSeq(l.paths) {
			got, err := watcher.ConfigConstant(filepath.Join(root, path), file, "FS_METHOD")
			if !slices.Equal(got, []string{"direct"}) || err != nil {
				t.Errorf("%s, %s: got %q, %v", l.files, path, got, err)
			}
		}
	}
	if got, err := watcher.ConfigConstant("", "/absent/a/b/c/latest_event.json", "FS_METHOD"); got != nil || err != nil {
		t.Errorf("without wp-config.php: got %q, %v", got, err)
	}
}

func TestConfigConstantReportsUnreadableConfig(t *testing.T) {
	root, file := configOf(t, "")
	config := filepath.Join(root, "wp-config.php")
	if err := errors.Join(os.Remove(config), os.Mkdir(config, 0o755)); err != nil {
		t.Fatal(err)
	}
	var pathError *fs.PathError
	if got, err := watcher.ConfigConstant(root, file, "FS_METHOD"); !errors.As(err, &pathError) {
		t.Errorf("got %q, %v, want an error of the file system", got, err)
	}
}

func TestPHPCodeHasNoComments(t *testing.T) {
	const source = "a<?php // b 'c\n$d = \"e // f\"; /* g */ h('i'); # j ?>k<?= l"
	got := strings.Join(strings.Fields(string(watcher.PHPCode([]byte(source)))), " ")
	if want := `$d = "e // f"; h('i'); ;= l;`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestConfigConstantAgreesWithPHP compares the values in constants with the values that PHP defines.
func TestConfigConstantAgreesWithPHP(t *testing.T) {
	php, err := exec.LookPath("php")
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	dir := t.TempDir()
	probe, config := filepath.Join(dir, "probe.php"), filepath.Join(dir, "config.php")
	const code = `<?php ob_end_clean(); echo json_encode(defined('FS_METHOD') ? [FS_METHOD] : null);`
	for _, tc := range constants {
		if err := errors.Join(os.WriteFile(probe, []byte(code), 0o644),
			os.WriteFile(config, []byte("<?php ob_start();\n"+tc.config), 0o644)); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(php, "-d", "auto_append_file="+probe, config).Output()
		want, _ := json.Marshal(tc.want)
		if slices.Equal(tc.want, []string{"true"}) {
			want = []byte("[true]")
		}
		if string(got) != string(want) || err != nil {
			t.Errorf("%s: PHP defines %s, %v, want %s", tc.name, got, err, want)
		}
	}
}
