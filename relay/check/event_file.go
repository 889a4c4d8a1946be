package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// runAsOwner is the fix for a file that the relay cannot read. Snippets follow it.
const runAsOwner = "Run the relay as the owner of the file, or in a group that can read it:"

// relayUsers are the users that usually run the relay.
var relayUsers = []struct {
	uid  int
	name string
}{{33, "www-data in Debian and its images"}, {82, "www-data in Alpine images"}, {65532, "the relay's image"}}

// checkPath checks whether the event file or its directories exist.
func checkPath(_ context.Context, opts Options) []Finding {
	const check = "path"
	if opts.File == "" {
		return []Finding{skip(check, "not checked; set --watch to check the event file")}
	}
	content := filepath.Dir(filepath.Dir(opts.File))
	switch _, err := os.Stat(opts.File); {
	case opts.Doubt != "" && exists(content):
		return []Finding{warn(check, opts.Doubt+". Until then the relay watches "+opts.File, "Set --watch to the "+
			"directory that WP_CONTENT_DIR names, or to the event file.")}
	case err == nil && isMountPoint(opts.File):
		return []Finding{warn(check, opts.File+" is mounted alone: the relay does not see a file that replaces it, which "+
			"the companion and most backups and deployments do, and it does not see the companion's outbox",
			"Mount the directory that contains it, or wp-content:",
			Snippet{"For compose.yaml, at the relay", "volumes:\n  - wordpress:/var/www/html:ro"})}
	case err == nil:
		return []Finding{ok(check, opts.File+" exists")}
	case errors.Is(err, fs.ErrPermission):
		return []Finding{skip(check, "not checked: "+err.Error())}
	case exists(content):
		return []Finding{ok(check, opts.File+" does not exist yet; the first event creates it")}
	case opts.Doubt == "":
		return []Finding{fail(check, "neither the event file nor "+content+" exists", "Set --watch to the root of "+
			"WordPress as the relay sees it. In a container, that is the path where the volume is mounted.")}
	default:
		return []Finding{fail(check, opts.Doubt+"; "+content+" does not exist", "Set --watch to "+
			"WordPress's root (the directory of wp-config.php), to its wp-content or to the event file.")}
	}
}

// checkPermissions checks which users can read the event file, or the nearest of its directories that exists.
func checkPermissions(_ context.Context, opts Options) []Finding {
	const check = "permissions"
	if opts.File == "" {
		return nil
	}
	path := opts.File
	for !exists(path) && filepath.Dir(path) != path && !forbidden(path) {
		path = filepath.Dir(path)
	}
	if err := tryRead(path); err != nil {
		text := fmt.Sprintf("the current user (uid %d) cannot read the event file: %v", os.Getuid(), err)
		return []Finding{fail(check, text, runAsOwner, asOwner(path)...)}
	}
	var denials []string
	var deniedPath string
	for _, user := range relayUsers {
		if at, reason := deniedAt(path, user.uid); at != "" {
			denials = append(denials, fmt.Sprintf("uid %d (%s) cannot: %s", user.uid, user.name, reason))
			deniedPath = at
		}
	}
	if len(denials) > 0 {
		text := fmt.Sprintf("the current user (uid %d) can read %s; %s", os.Getuid(), path, strings.Join(denials, "; "))
		return []Finding{warn(check, text, "If the relay runs as one of these users, change its user or its groups:",
			asOwner(deniedPath)...)}
	}
	return []Finding{ok(check, fmt.Sprintf("everyone can read %s: the current user (uid %d), www-data (33, 82) and "+
		"the user of the relay's image (65532)", path, os.Getuid()))}
}

// forbidden reports whether a directory on the way to path cannot be entered.
func forbidden(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrPermission)
}

// tryRead opens path as the current user.
func tryRead(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// asOwner returns configuration that runs the relay as the owner of path, or of the nearest directory above it whose
// owner is known.
func asOwner(path string) []Snippet {
	for {
		if uid, gid, ok := owner(path); ok {
			return []Snippet{
				{"For compose.yaml, at the relay", fmt.Sprintf("user: \"%d:%d\"", uid, gid)},
				{"For systemd, with: systemctl edit wpre-relay",
					"[Service]\nSupplementaryGroups=" + groupName(gid)},
			}
		}
		if filepath.Dir(path) == path {
			return nil
		}
		path = filepath.Dir(path)
	}
}
