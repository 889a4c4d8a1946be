package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

var fsMethod = regexp.MustCompile(`(?m)^\s*define\(\s*['"]FS_METHOD['"]\s*,\s*['"](\w+)['"]`)

// checkFileAccess checks whether WordPress writes files itself. It asks for FTP access if PHP's user does not own
// WordPress's files (get_filesystem_method in wp-admin/includes/file.php), and the plugin then writes no events.
func checkFileAccess(_ context.Context, opts Options) []Finding {
	const check = "file access"
	if opts.File == "" {
		return nil
	}
	eventDir := filepath.Dir(opts.File)
	content := filepath.Dir(eventDir)
	root := filepath.Dir(content)
	if method := configuredMethod(root); method == "direct" {
		return []Finding{ok(check, "wp-config.php sets FS_METHOD, so that PHP writes files itself")}
	} else if method != "" {
		text := fmt.Sprintf("wp-config.php sets FS_METHOD to %q, so that the plugin writes no events", method)
		return []Finding{usesFTP(text)}
	}
	wordpress, _, known := owner(filepath.Join(root, filesystemPHP))
	if !known {
		return []Finding{skip(check, "not checked: the files of WordPress are not beside "+content)}
	}
	for _, dir := range []string{eventDir, filepath.Join(content, "uploads"), filepath.Join(content, "upgrade")} {
		php, _, known := owner(dir)
		switch {
		case !known:
			continue
		case php != wordpress:
			text := fmt.Sprintf("WordPress's files belong to uid %d, but PHP runs as uid %d (the owner of %s): WordPress "+
				"asks for FTP access, and the plugin writes no events", wordpress, php, dir)
			return []Finding{usesFTP(text)}
		default:
			return []Finding{ok(check, fmt.Sprintf("PHP's user owns WordPress's files (uid %d)", php))}
		}
	}
	return []Finding{skip(check, "not checked: no directory shows which user PHP runs as")}
}

// configuredMethod returns the FS_METHOD that wp-config.php sets, or "". The file may also be one directory above
// root.
func configuredMethod(root string) string {
	for _, dir := range []string{root, filepath.Dir(root)} {
		config, err := os.ReadFile(filepath.Join(dir, "wp-config.php"))
		if method := fsMethod.FindSubmatch(config); err == nil && method != nil {
			return string(method[1])
		}
	}
	return ""
}

func usesFTP(text string) Finding {
	return fail("file access", text, "Let PHP write files itself. Its user must be able to write in wp-content:",
		wpConfig("define( 'FS_METHOD', 'direct' );"))
}
