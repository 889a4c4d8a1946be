package check

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	// maxSource bounds what is read of a PHP file, and maxSources how many are, of one folder.
	maxSource  = 1 << 20
	maxSources = 200
)

// loadsFile is what a file says that mends the plugin's first fault.
const loadsFile = "wp-admin/includes/file.php"

var pluginName = regexp.MustCompile(`(?mi)^[ \t/*#@]*Plugin Name:[ \t]*WP Realtime Events[ \t\r]*$`)

func lookAtPlugin(_ context.Context, opts Options) []Finding {
	const check = "plugin"
	if opts.File == "" {
		return nil
	}
	content := filepath.Dir(filepath.Dir(opts.File))
	plugins := filepath.Join(content, "plugins")
	entries, err := os.ReadDir(plugins)
	if err != nil {
		return one(check, Skip, "cannot be looked for: "+err.Error())
	}
	for _, entry := range entries {
		folder := filepath.Join(plugins, entry.Name())
		if found := sources(folder, func(text []byte) bool { return pluginName.Match(text) }); !found {
			continue
		}
		findings := one(check, OK, "WP Realtime Events is in "+folder)
		if !exists(filepath.Dir(opts.File)) {
			findings = []Finding{{Check: check, Level: Warn, Text: fmt.Sprintf("WP Realtime Events is in %s, but has written nothing: it makes %s when it is activated", folder, filepath.Dir(opts.File)),
				Fix: "Activate it, in WordPress's Plugins."}}
		}
		return append(findings, lookAtFilePHP(folder, content)...)
	}
	return []Finding{{Check: check, Level: Fail, Text: "WP Realtime Events is not in " + plugins, Fix: "Install and activate it: without it nobody writes events."}}
}

// lookAtFilePHP looks for the fault that makes saves through the block editor fail, and for what mends it.
func lookAtFilePHP(plugin, content string) []Finding {
	const check = "block editor"
	calls := sources(plugin, func(text []byte) bool { return bytes.Contains(text, []byte("WP_Filesystem(")) })
	loads := func(text []byte) bool { return bytes.Contains(text, []byte(loadsFile)) }
	switch mended := sources(filepath.Join(content, "mu-plugins"), loads); {
	case !calls:
		return one(check, OK, "the plugin does not call WP_Filesystem()")
	case sources(plugin, loads):
		return one(check, OK, "the plugin loads "+loadsFile)
	case mended:
		return one(check, OK, "a must-use plugin loads "+loadsFile)
	}
	return []Finding{{Check: check, Level: Fail,
		Text: `saves through the block editor, WP-Cron and the front end write no event: the plugin ends them with "Call to undefined function WP_Filesystem()"`,
		Fix:  "Install the companion, which loads the file that it forgets; see below."}}
}

// sources reports whether a PHP file in folder is as wanted.
func sources(folder string, wanted func(text []byte) bool) bool {
	found, left := false, maxSources
	filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".php") {
			return nil
		}
		if left--; left < 0 {
			return fs.SkipAll
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxSource || !info.Mode().IsRegular() {
			return nil
		}
		if text, err := os.ReadFile(path); err == nil && wanted(text) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

var fsMethod = regexp.MustCompile(`(?m)^\s*define\(\s*['"]FS_METHOD['"]\s*,\s*['"](\w+)['"]`)

// lookAtOwners finds out whether WordPress would fall back to FTP: it does where PHP's user does not own WordPress's files
// (get_filesystem_method in wp-admin/includes/file.php).
func lookAtOwners(_ context.Context, opts Options) []Finding {
	const check = "file access"
	if opts.File == "" {
		return nil
	}
	content := filepath.Dir(filepath.Dir(opts.File))
	root := filepath.Dir(content)
	for _, dir := range []string{root, filepath.Dir(root)} {
		config, err := os.ReadFile(filepath.Join(dir, "wp-config.php"))
		if method := fsMethod.FindSubmatch(config); err == nil && method != nil {
			if string(method[1]) == "direct" {
				return one(check, OK, "wp-config.php says that PHP writes files itself")
			}
			return []Finding{ftp(fmt.Sprintf("wp-config.php sets FS_METHOD to %q, by which the plugin writes no events", method[1]))}
		}
	}
	wordpress, _, known := owner(filepath.Join(root, loadsFile))
	if !known {
		return one(check, Skip, "WordPress's own files are not beside "+content)
	}
	for _, written := range []string{filepath.Dir(opts.File), filepath.Join(content, "uploads"), filepath.Join(content, "upgrade")} {
		if php, _, ok := owner(written); ok {
			if php != wordpress {
				return []Finding{ftp(fmt.Sprintf("WordPress's files belong to uid %d, but PHP runs as uid %d (whose %s is): WordPress asks for FTP, and the plugin writes no events", wordpress, php, written))}
			}
			return one(check, OK, fmt.Sprintf("PHP's user owns WordPress's files (uid %d)", php))
		}
	}
	return one(check, Skip, "nothing tells as which user PHP runs")
}

func ftp(text string) Finding {
	return Finding{Check: "file access", Level: Fail, Text: text,
		Fix:   "Have PHP write files itself; its user needs to be able to write in wp-content.",
		Paste: []Snip{{"For wp-config.php, above \"That's all, stop editing!\"", "define( 'FS_METHOD', 'direct' );"}}}
}
