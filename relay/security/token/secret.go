package token

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// CreateSecret writes a new secret of 256 bits for HS256, in hexadecimal digits, to a file that does not exist yet. Its
// owner is the caller and can read and write it. If group is not "", the members of that group can read it, and so the
// programs of both sides: root for the relay, whose unit passes it on, and the group of PHP for the site. Others cannot
// read it at any time. A directory that is missing is created, readable for everyone. If it fails, there is no file.
func CreateSecret(path, group string) (err error) {
	gid := -1 // unchanged
	if group != "" {
		if gid, err = lookupGroup(group); err != nil {
			return err
		}
	}
	if err := createDir(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			os.Remove(path)
		}
	}()
	if gid >= 0 {
		if err := errors.Join(file.Chown(-1, gid), file.Chmod(0o640)); err != nil {
			return err
		}
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	if _, err := file.WriteString(hex.EncodeToString(secret) + "\n"); err != nil {
		return err
	}
	return file.Sync()
}

// createDir creates a directory that is missing, with its parents.
func createDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755) // the umask may have removed bits
}

// lookupGroup returns the number of a group.
func lookupGroup(name string) (int, error) {
	group, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return 0, fmt.Errorf("group %s has no number: this system has other permissions", name)
	}
	return gid, nil
}
