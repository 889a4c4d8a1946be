//go:build linux

package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// moveAndLink moves a file or directory elsewhere, and links to it from its old place.
func moveAndLink(path string) change {
	return func(root string) error {
		moved := root + "/elsewhere-" + filepath.Base(path)
		if err := os.Rename(root+path, moved); err != nil {
			return err
		}
		return os.Symlink(moved, root+path)
	}
}

// config writes wp-config.php with this code.
func config(code string) change { return write("/wp-config.php", "<?php\n"+code+"\n", 0o644) }

// sourceCases are changes to the PHP files of a WordPress, and the findings of check that they cause.
var sourceCases = []struct {
	name    string
	changes []change
	run     func(*exec.Cmd)
	want    []string
}{
	{name: "symbolic links", changes: []change{moveAndLink(muPlugins + "/companion.php"), moveAndLink(muPlugins),
		moveAndLink("/wp-content/plugins/rt/events.php"), moveAndLink("/wp-content/plugins/rt"),
		moveAndLink("/wp-content/plugins")},
		want: []string{"OK plugin: ", "OK block editor: ", "OK companion: the companion is installed"}},
	{name: "link to a parent", changes: []change{func(root string) error {
		return os.Symlink(root+"/wp-content", root+"/wp-content/plugins/rt/loop")
	}}, want: []string{"OK plugin: ", "OK block editor: "}},
	{name: "plugin without a directory", changes: []change{
		remove("/wp-content/plugins/rt"),
		write("/wp-content/plugins/rt.php", "<?php // Plugin Name: WP Realtime Events\nWP_Filesystem();", 0o644)},
		want: []string{"OK plugin: WP Realtime Events is in ROOT/wp-content/plugins/rt.php", "OK block editor: "}},
	{name: "directories elsewhere", changes: []change{
		func(root string) error { return os.Rename(root+"/wp-content/plugins", root+"/p") },
		func(root string) error { return os.Rename(root+muPlugins, root+"/mu") },
		config("define('WP_PLUGIN_DIR', __DIR__ . '/p'); const WPMU_PLUGIN_DIR = __DIR__ . '/mu';")},
		want: []string{"OK plugin: WP Realtime Events is in ROOT/p/rt", "OK block editor: ", "OK companion: "}},
	{name: "file that is loaded in a comment", changes: []change{
		write(muPlugins+"/companion.php", "<?php // 'wp-admin/includes/file.php'; class WPRE_Relay_Outbox", 0o644)},
		want: []string{"FAIL block editor: ", "WARN companion: the companion is not installed"}},
	{name: "call in a comment", changes: []change{write("/wp-content/plugins/rt/events.php",
		"<?php /* Plugin Name: WP Realtime Events\n */\n# WP_Filesystem();", 0o644)},
		want: []string{"OK block editor: the plugin does not call WP_Filesystem()"}},
	{name: "outdated companion", changes: []change{write(muPlugins+"/companion.php",
		"<?php require 'wp-admin/includes/file.php'; class WPRE_Relay_Outbox {}", 0o644)},
		want: []string{"WARN companion: ROOT/wp-content/mu-plugins/companion.php is not the companion of this wpre-relay",
			"wpre-relay companion --install ROOT/wp-content/mu-plugins"}},
	{name: "companion that is not loaded", changes: []change{
		func(root string) error { return os.Mkdir(root+muPlugins+"/wpre", 0o755) },
		func(root string) error {
			return os.Rename(root+muPlugins+"/companion.php", root+muPlugins+"/wpre/companion.php")
		}},
		want: []string{"WARN companion: WordPress does not load the companion from ROOT/wp-content/mu-plugins/wpre/"}},
	{name: "FS_METHOD in a comment", changes: []change{config("// define( 'FS_METHOD', 'ftpext' );\n/*\n" +
		"define( 'FS_METHOD', 'ssh2' );\n*/")}, want: []string{"OK file access: PHP's user owns WordPress's files"}},
	{name: "FS_METHOD by const", changes: []change{config("const FS_METHOD = 'ssh2';")},
		want: []string{`FAIL file access: wp-config.php sets FS_METHOD to "ssh2"`}},
	{name: "FS_METHOD if not defined", changes: []change{giveToWebServer(eventsDir),
		config("if ( ! defined( 'FS_METHOD' ) ) define( 'FS_METHOD', 'direct' );")},
		want: []string{"OK file access: wp-config.php sets FS_METHOD"}},
	{name: "FS_METHOD in branches", changes: []change{
		config("if ( $x ) { define( 'FS_METHOD', 'direct' ); } else { define( 'FS_METHOD', 'ssh2' ); }")},
		want: []string{`SKIP file access: not known: wp-config.php sets FS_METHOD to one of ["direct" "ssh2"]`}},
	{name: "FS_METHOD by an expression", changes: []change{config("define( 'FS_METHOD', getenv( 'FS_METHOD' ) );")},
		want: []string{"SKIP file access: not known: FS_METHOD in ROOT/wp-config.php is an expression"}},
	{name: "unreadable wp-config.php", changes: []change{chmod("/wp-config.php", 0o600)}, run: runAsNobody,
		want: []string{"SKIP file access: not known: open ROOT/wp-config.php: permission denied Run check as a user"}},
	{name: "unreadable wp-content", changes: []change{chmod("/wp-content", 0o700)}, run: runAsNobody, want: []string{
		"SKIP plugin: not known: open ROOT/wp-content/plugins: permission denied", "SKIP companion: not known: "}},
	{name: "unreadable plugin", changes: []change{chmod("/wp-content/plugins/rt", 0o700)}, run: runAsNobody,
		want: []string{"SKIP plugin: not known: ", "OK companion: "}},
	{name: "unreadable mu-plugins", changes: []change{chmod(muPlugins, 0o700)}, run: runAsNobody,
		want: []string{"OK plugin: ", "SKIP block editor: not known: ", "SKIP companion: not known: "}},
	{name: "unreadable event folder", changes: []change{chmod(eventsDir, 0o700)}, run: runAsNobody,
		want: []string{"OK plugin: ", "SKIP companion: not known: "}},
}

func TestCheckReadsSourcesAsPHP(t *testing.T) {
	needsRoot(t)
	for _, tc := range sourceCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := newWordPress(t, tc.changes...)
			cmd := command(t, "check", "--watch", root, "--listen", "off", "--admin-listen", "off")
			if tc.run != nil {
				tc.run(cmd)
			}
			text, _ := run(t, cmd)
			text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), root, "ROOT")
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
}
