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

// readers are the users as which the relay is run as a rule, by uid.
var readers = []struct {
	uid  int
	name string
}{{33, "www-data in Debian and its images"}, {82, "www-data in Alpine images"}, {65532, "the relay's image"}}

func lookAtPath(_ context.Context, opts Options) []Finding {
	const check = "path"
	if opts.File == "" {
		return one(check, Skip, "without --watch nothing is known of the event file")
	}
	dir := filepath.Dir(opts.File)
	content := filepath.Dir(dir)
	switch _, err := os.Stat(opts.File); {
	case err == nil:
		return one(check, OK, opts.File+" is there")
	case errors.Is(err, fs.ErrPermission):
		return one(check, Skip, "not looked into: "+err.Error())
	case exists(content):
		return one(check, OK, opts.File+" is not there yet; the first event makes it")
	case opts.Sure:
		return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("neither the event file nor %s is there", content),
			Fix: "Give --watch the folder that WordPress is in, as the relay sees it; in a container, the path at which the volume is mounted."}}
	default:
		return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("there is no WordPress in --watch, and no %s", content),
			Fix: "Give --watch WordPress's root (where wp-config.php is), its wp-content, or the event file."}}
	}
}

// lookAtPermissions says who may read the event file, or what is nearest to it.
func lookAtPermissions(_ context.Context, opts Options) []Finding {
	const check = "permissions"
	if opts.File == "" {
		return nil
	}
	path := opts.File
	for !exists(path) && filepath.Dir(path) != path && !forbidden(path) {
		path = filepath.Dir(path)
	}
	if err := tryRead(path); err != nil {
		return []Finding{{Check: check, Level: Fail, Text: fmt.Sprintf("the user here (uid %d) cannot read it: %v", os.Getuid(), err),
			Fix: "Run the relay as who owns the files, or in a group that may read them.", Paste: asOwner(path)}}
	}
	var denied []string
	var at string // where
	for _, reader := range readers {
		if dir, why := deniedAt(path, reader.uid); dir != "" {
			denied = append(denied, fmt.Sprintf("uid %d (%s) not, for %s", reader.uid, reader.name, why))
			at = dir
		}
	}
	if len(denied) > 0 {
		return []Finding{{Check: check, Level: Warn, Text: fmt.Sprintf("the user here (uid %d) can read %s; %s", os.Getuid(), path, strings.Join(denied, "; ")),
			Fix: "That matters if the relay is run as one of these.", Paste: asOwner(at)}}
	}
	return one(check, OK, fmt.Sprintf("everybody can read %s: the user here (uid %d), www-data (33, 82), and the relay's image (65532)", path, os.Getuid()))
}

func forbidden(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrPermission)
}

// tryRead opens path as this user.
func tryRead(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// asOwner returns how to run the relay as the owner of the nearest thing to path that can be looked at.
func asOwner(path string) []Snip {
	for {
		if uid, gid, ok := owner(path); ok {
			return []Snip{
				{"For compose.yaml, at the relay", fmt.Sprintf("user: \"%d:%d\"", uid, gid)},
				{"For systemd, with: systemctl edit wpre-relay", fmt.Sprintf("[Service]\nSupplementaryGroups=%s", groupName(gid))},
			}
		}
		if filepath.Dir(path) == path {
			return nil
		}
		path = filepath.Dir(path)
	}
}
