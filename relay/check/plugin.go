package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// filesystemPHP is the file of WordPress that the plugin needs but does not load.
const filesystemPHP = "wp-admin/includes/file.php"

var pluginName = regexp.MustCompile(`(?mi)^[ \t/*#@]*Plugin Name:[ \t]*WP Realtime Events[ \t\r]*$`)

// checkPlugin checks whether the plugin is installed and activated, and whether saves through the block editor work.
func checkPlugin(_ context.Context, opts Options) []Finding {
	const check = "plugin"
	if opts.File == "" {
		return nil
	}
	eventDir := filepath.Dir(opts.File)
	content := filepath.Dir(eventDir)
	plugins := filepath.Join(content, "plugins")
	entries, err := os.ReadDir(plugins)
	if err != nil {
		return []Finding{skip(check, "not checked: "+err.Error())}
	}
	for _, entry := range entries {
		dir := filepath.Join(plugins, entry.Name())
		if !anySource(dir, pluginName.Match) {
			continue
		}
		if !exists(eventDir) {
			text := fmt.Sprintf("WP Realtime Events is in %s, but is not activated: %s does not exist", dir, eventDir)
			finding := warn(check, text, "Activate it on the Plugins page of WordPress.")
			return []Finding{finding, checkFilesystem(dir, content)}
		}
		return []Finding{ok(check, "WP Realtime Events is in "+dir), checkFilesystem(dir, content)}
	}
	return []Finding{fail(check, "WP Realtime Events is not in "+plugins,
		"Install and activate the plugin. Without it, WordPress writes no events.")}
}

// checkFilesystem checks whether the plugin calls WP_Filesystem() without the file that defines it, and whether a
// must-use plugin loads that file.
func checkFilesystem(plugin, content string) Finding {
	const check = "block editor"
	calls := func(source []byte) bool { return bytes.Contains(source, []byte("WP_Filesystem(")) }
	loads := func(source []byte) bool { return bytes.Contains(source, []byte(filesystemPHP)) }
	switch {
	case !anySource(plugin, calls):
		return ok(check, "the plugin does not call WP_Filesystem()")
	case anySource(plugin, loads):
		return ok(check, "the plugin loads "+filesystemPHP)
	case anySource(filepath.Join(content, "mu-plugins"), loads):
		return ok(check, "a must-use plugin loads "+filesystemPHP)
	}
	return fail(check, "saves through the block editor, WP-Cron and the front end write no event: the plugin fails "+
		`with "Call to undefined function WP_Filesystem()"`,
		"Install the companion, which loads the missing file; see below.")
}
