// Package companion holds the must-use plugin that keeps every event of WordPress in an outbox beside the event file,
// and installs it. It does not choose the user: Install writes as the user of the process.
package companion

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the name that Install gives to a companion where none is installed.
const FileName = "wpre-relay-companion.php"

// Plugin is the PHP source of the must-use plugin wpre-relay-companion.php. Callers must not modify it.
//
//go:embed wpre-relay-companion.php
var Plugin []byte

// marker identifies a companion of any version. PHP cannot load a second file that declares this class.
var marker = []byte("class WPRE_Relay_Outbox")

// maxSource bounds the files that are searched for the marker, in bytes. The companion has about 20 KiB.
const maxSource = 1 << 20

// Install writes the companion into a directory of must-use plugins and returns its path. It replaces an installed
// companion, also one under another name, in one step. The file gets mode 0644, and a directory that does not exist
// mode 0755; its parent must exist. Install follows no link that leads out of the parent, so that it may run as root
// where other users can write.
func Install(dir string) (path string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("install the companion in %s: %w", dir, err)
		}
	}()
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return "", err
	}
	defer parent.Close()
	base := filepath.Base(dir)
	switch err := parent.Mkdir(base, 0o755); {
	case err == nil:
		if err := parent.Chmod(base, 0o755); err != nil { // the umask may have taken bits
			return "", err
		}
	case !errors.Is(err, fs.ErrExist):
		return "", err
	}
	root, err := parent.OpenRoot(base)
	if err != nil {
		return "", err
	}
	defer root.Close()
	name := Find(root.FS())
	if name == "" {
		name = FileName
	}
	return filepath.Join(dir, name), replace(root, name)
}

// Find returns the name of the companion in a directory of must-use plugins, or "". Like WordPress, it looks at files
// with the suffix .php that are directly in the directory. It skips files that it cannot read.
func Find(dir fs.FS) (name string) {
	names, _ := fs.Glob(dir, "*.php") // fails for a malformed pattern only
	for _, name := range names {
		if info, err := fs.Stat(dir, name); err != nil || !info.Mode().IsRegular() || info.Size() > maxSource {
			continue
		}
		if source, err := fs.ReadFile(dir, name); err == nil && bytes.Contains(source, marker) {
			return name
		}
	}
	return ""
}

// replace writes the companion to a temporary file, which WordPress does not load, and renames it.
func replace(root *os.Root, name string) error {
	temporary := name + ".tmp"
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(Plugin)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		root.Remove(temporary)
	}
	return err
}
