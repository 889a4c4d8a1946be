package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// filesystemPHP is the file of WordPress that the plugin needs but does not load.
const filesystemPHP = "wp-admin/includes/file.php"

// pluginName matches the plugin's header as WordPress does (get_file_data, _cleanup_header_comment).
var pluginName = regexp.MustCompile(
	`(?mi)^(?:[ \t]*<\?php)?[ \t/*#@]*Plugin Name:[ \t]*WP Realtime Events[ \t\r]*(?:(?:\*/|\?>).*)?$`)

// checkPlugin checks whether the plugin is installed and activated, and whether saves through the block editor work.
func checkPlugin(_ context.Context, opts Options) []Finding {
	const check = "plugin"
	if opts.File == "" {
		return nil
	}
	eventDir := filepath.Dir(opts.File)
	plugins := opts.contentDir("WP_PLUGIN_DIR", "plugins")
	dir, err := findPlugin(plugins)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{skip(check, "not checked: "+err.Error())}
	case err != nil:
		return []Finding{notLooked(check, err)}
	case dir == "":
		return []Finding{fail(check, "WP Realtime Events is not in "+plugins,
			"Install and activate the plugin. Without it, WordPress writes no events.")}
	}
	if _, err := os.Stat(eventDir); errors.Is(err, fs.ErrNotExist) {
		text := fmt.Sprintf("WP Realtime Events is in %s, but is not activated: %s does not exist", dir, eventDir)
		finding := warn(check, text, "Activate it on the Plugins page of WordPress.")
		return []Finding{finding, checkFilesystem(opts, dir)}
	}
	return []Finding{ok(check, "WP Realtime Events is in "+dir), checkFilesystem(opts, dir)}
}

// findPlugin returns the plugin's directory, or its file if it has none. It looks where WordPress does (get_plugins):
// in plugins, and in each directory there. If it returns "" with an error, the plugin may be there.
func findPlugin(plugins string) (dir string, err error) {
	entries, err := os.ReadDir(plugins)
	if err != nil {
		return "", err
	}
	var failed error
	for _, entry := range entries {
		path := filepath.Join(plugins, entry.Name())
		found, err := findSource(path, 0, pluginName.Match)
		if found != "" {
			return path, nil
		}
		failed = cmp.Or(failed, err)
	}
	return "", failed
}

// contentDir returns the directory that a constant in wp-config.php names, or name in wp-content.
func (o Options) contentDir(constant, name string) string {
	values, _ := o.PHP.Constant(constant)
	for _, dir := range values {
		if filepath.IsAbs(dir) && isDir(dir) {
			return dir
		}
	}
	return filepath.Join(filepath.Dir(filepath.Dir(o.File)), name)
}

// checkFilesystem checks whether the plugin calls WP_Filesystem() without the file that defines it, and whether a
// must-use plugin loads that file.
func checkFilesystem(opts Options, plugin string) Finding {
	const check = "block editor"
	loads := opts.codeContains(filesystemPHP)
	calls, err := findSource(plugin, maxDepth, opts.codeContains("WP_Filesystem("))
	if err != nil {
		return notLooked(check, err)
	}
	if calls == "" {
		return ok(check, "the plugin does not call WP_Filesystem()")
	}
	if found, err := findSource(plugin, maxDepth, loads); found != "" {
		return ok(check, "the plugin loads "+filesystemPHP)
	} else if err != nil {
		return notLooked(check, err)
	}
	if found, err := findSource(opts.contentDir("WPMU_PLUGIN_DIR", "mu-plugins"), maxDepth, loads); found != "" {
		return ok(check, "a must-use plugin loads "+filesystemPHP)
	} else if err != nil {
		return notLooked(check, err)
	}
	return fail(check, "saves through the block editor, WP-Cron and the front end write no event: the plugin fails "+
		`with "Call to undefined function WP_Filesystem()"`,
		"Install the companion, which loads the missing file; see below.")
}
