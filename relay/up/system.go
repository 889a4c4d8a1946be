//go:build linux

package up

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// disk changes files with the rights of one user.
type disk interface {
	read(ctx context.Context, path string) ([]byte, error)

	// tidy removes what a write of the file that was killed has left.
	tidy(ctx context.Context, path string) error

	// write replaces a file in one step. An existing file keeps its mode and owner, a new one gets the given ones.
	write(ctx context.Context, path string, content []byte, mode fs.FileMode, owner user) error

	// restore writes an existing file as write does. On a full disk it writes a text that is not longer than the present
	// one over it, which needs no space, but is not one step.
	restore(ctx context.Context, path string, content []byte) error
	remove(ctx context.Context, path string) error
	mkdir(ctx context.Context, path string) error
	rmdir(ctx context.Context, path string) error
	symlink(ctx context.Context, target, path string) error
}

// system is the disk of root. It refuses paths on which another user could put a link: each directory on the way must
// belong to root, and only root may write in it. A directory in which everybody can create files, such as /tmp, is
// accepted if no other user can rename the entry on the way.
type system struct{}

// maxLinks bounds the links in a path, as the kernel does (ELOOP).
const maxLinks = 40

// resolve returns the directory and the name of the file at path after all links.
func (system) resolve(path string) (dir, name string, err error) {
	at, rest := "/", splitPath(path)
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		if err := checkDirectory(at, next); err != nil {
			return "", "", err
		}
		target, err := os.Readlink(next)
		switch {
		case err == nil && links == maxLinks:
			return "", "", &fs.PathError{Op: "resolve", Path: path, Err: syscall.ELOOP}
		case err == nil:
			links++
			if !filepath.IsAbs(target) {
				target = filepath.Join(at, target)
			}
			at, rest = "/", append(splitPath(target), rest[1:]...)
		case len(rest) == 1:
			return at, rest[0], nil
		default:
			at, rest = next, rest[1:]
		}
	}
	return "", "", fmt.Errorf("%s is not a file", path)
}

// checkDirectory returns an error if a user other than root can replace the entry in dir.
func checkDirectory(dir, entry string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	const others = 0o022
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid == 0 && info.Mode().Perm()&others == 0 {
		return nil
	}
	if child, err := os.Lstat(entry); stat.Uid == 0 && info.Mode()&fs.ModeSticky != 0 && err == nil &&
		child.Sys().(*syscall.Stat_t).Uid == 0 {
		return nil
	}
	return fmt.Errorf("%s can be changed by users other than root; refusing to write below it as root", dir)
}

// open returns the directory of path, and the name in it.
func (s system) open(path string) (*os.Root, string, error) {
	dir, name, err := s.resolve(path)
	if err != nil {
		return nil, "", err
	}
	root, err := os.OpenRoot(dir)
	return root, name, err
}

func (s system) read(_ context.Context, path string) ([]byte, error) {
	root, name, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(name)
}

func (s system) write(_ context.Context, path string, content []byte, mode fs.FileMode, owner user) error {
	root, name, err := s.open(path)
	if err != nil {
		return err
	}
	defer root.Close()
	if info, err := root.Lstat(name); err == nil {
		stat := info.Sys().(*syscall.Stat_t)
		mode, owner = info.Mode().Perm(), user{stat.Uid, stat.Gid}
	}
	temporary := temporaryPrefix(name) + rand.Text()
	err = func() error {
		f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Chown(int(owner.UID), int(owner.GID)), f.Chmod(mode), f.Sync(), f.Close())
	}()
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		root.Remove(temporary)
	}
	return err
}

func (s system) restore(ctx context.Context, path string, content []byte) error {
	err := s.write(ctx, path, content, 0, user{})
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	root, name, openErr := s.open(path)
	if openErr != nil {
		return openErr
	}
	defer root.Close()
	f, openErr := root.OpenFile(name, os.O_WRONLY, 0)
	if openErr != nil {
		return openErr
	}
	defer f.Close()
	if info, statErr := f.Stat(); statErr != nil || info.Size() < int64(len(content)) {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Truncate(int64(len(content)))
	}
	return errors.Join(err, f.Sync())
}

// temporaryPrefix returns the start of the names of temporary files beside a file. Web servers include no file with a
// dot in front.
func temporaryPrefix(name string) string { return "." + name + ".wpre-" }

func (s system) tidy(_ context.Context, path string) error {
	root, name, err := s.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), temporaryPrefix(name)) {
			err = errors.Join(err, root.Remove(entry.Name()))
		}
	}
	return err
}

// remove succeeds if there is nothing at path.
func (s system) remove(_ context.Context, path string) error {
	err := s.change(path, (*os.Root).Remove)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rmdir leaves a directory in which there are files.
func (s system) rmdir(_ context.Context, path string) error {
	err := s.change(path, (*os.Root).Remove)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s system) mkdir(_ context.Context, path string) error {
	return s.change(path, func(root *os.Root, name string) error {
		err := root.Mkdir(name, 0o755)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return root.Chmod(name, 0o755) // regardless of the umask
		}
		return err
	})
}

func (s system) symlink(_ context.Context, target, path string) error {
	return s.change(path, func(root *os.Root, name string) error { return root.Symlink(target, name) })
}

// change opens the directory of path, without following a link at path itself, and calls f.
func (s system) change(path string, f func(root *os.Root, name string) error) error {
	dir := filepath.Dir(path)
	if dir != "/" {
		parent, name, err := s.resolve(dir)
		if err != nil {
			return err
		}
		dir = filepath.Join(parent, name)
	}
	if err := checkDirectory(dir, path); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return f(root, filepath.Base(path))
}
