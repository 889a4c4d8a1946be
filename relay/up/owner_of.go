//go:build linux

package up

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ownerOf returns the owner of the file at path, or of the directory in which it would be. PHP works as this user, so a
// user must not be able to choose another one by a link. ownerOf returns an error for a link to another user's file,
// unless root owns the link, or the link's owner owns the directory of that file.
func ownerOf(path string) (user, error) {
	at, rest := "/", splitPath(path)
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			rest = nil
		case err != nil:
			return user{}, err
		case info.Mode()&fs.ModeSymlink == 0:
			at, rest = next, rest[1:]
		case links == maxLinks:
			return user{}, &fs.PathError{Op: "resolve", Path: path, Err: syscall.ELOOP}
		default:
			target, err := trustedTarget(next)
			if err != nil {
				return user{}, err
			}
			links++
			at, rest = "/", append(splitPath(target), rest[1:]...)
		}
	}
	return statOwner(at)
}

// splitPath returns the names in an absolute path.
func splitPath(path string) (names []string) {
	for name := range strings.SplitSeq(filepath.Clean(path), "/") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// trustedTarget returns the absolute target of a link, and an error if its owner may not choose that target.
func trustedTarget(link string) (string, error) {
	target, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	info, err := os.Lstat(link)
	if err != nil {
		return "", err
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	file, err := filepath.EvalSymlinks(target)
	if uid == 0 || errors.Is(err, fs.ErrNotExist) {
		return target, nil
	}
	if err != nil {
		return "", err
	}
	of, err := statOwner(file)
	in, dirErr := statOwner(filepath.Dir(file))
	switch {
	case err != nil || dirErr != nil:
		return "", errors.Join(err, dirErr)
	case of.UID != uid && in.UID != uid:
		return "", fmt.Errorf("%s is a link of user %d to a file of user %d; refusing to work as that user", link, uid,
			of.UID)
	}
	return target, nil
}

// statOwner returns the owner of an existing file.
func statOwner(path string) (user, error) {
	info, err := os.Stat(path)
	if err != nil {
		return user{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return user{stat.Uid, stat.Gid}, nil
}
