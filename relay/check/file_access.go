package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

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
	methods, err := opts.PHP.Constant("FS_METHOD")
	slices.Sort(methods)
	switch methods = slices.Compact(methods); {
	case errors.Is(err, fs.ErrPermission):
		return []Finding{notLooked(check, err)}
	case err != nil:
		return []Finding{unknown(check, err.Error(), `Make sure that it is 'direct'.`)}
	case len(methods) > 1:
		return []Finding{unknown(check, fmt.Sprintf("wp-config.php sets FS_METHOD to one of %q", methods),
			"Make sure that it is 'direct' for this site.")}
	case len(methods) == 1 && methods[0] == "direct":
		return []Finding{ok(check, "wp-config.php sets FS_METHOD, so that PHP writes files itself")}
	case len(methods) == 1 && methods[0] != "" && methods[0] != "false":
		return []Finding{usesFTP(fmt.Sprintf("wp-config.php sets FS_METHOD to %q, so that the plugin writes no events",
			methods[0]))}
	}
	return []Finding{checkOwners(root, content, eventDir)}
}

// checkOwners compares the owner of WordPress's files with PHP's user, as WordPress does.
func checkOwners(root, content, eventDir string) Finding {
	const check = "file access"
	wordpress, _, known := owner(filepath.Join(root, filesystemPHP))
	if !known {
		return skip(check, "not checked: the files of WordPress are not beside "+content)
	}
	for _, dir := range []string{eventDir, filepath.Join(content, "uploads"), filepath.Join(content, "upgrade")} {
		php, _, known := owner(dir)
		switch {
		case !known:
			continue
		case php != wordpress:
			text := fmt.Sprintf("WordPress's files belong to uid %d, but PHP runs as uid %d (the owner of %s): WordPress "+
				"asks for FTP access, and the plugin writes no events", wordpress, php, dir)
			return usesFTP(text)
		default:
			return ok(check, fmt.Sprintf("PHP's user owns WordPress's files (uid %d)", php))
		}
	}
	return skip(check, "not checked: no directory shows which user PHP runs as")
}

func usesFTP(text string) Finding {
	return fail("file access", text, "Let PHP write files itself. Its user must be able to write in wp-content:",
		wpConfig("define( 'FS_METHOD', 'direct' );"))
}
