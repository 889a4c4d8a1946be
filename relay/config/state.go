package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxReadableName bounds the readable part of a state directory's name, in bytes, far below the 255 of most file
// systems.
const maxReadableName = 80

// StatePath returns the directory for the state of one watched file: a subdirectory of StateDir, or of the
// directory that systemd or the XDG specification provides. It does not create the directory.
func (c *Capture) StatePath(watched string) (string, error) {
	base, err := c.stateBase()
	if err != nil {
		return "", err
	}
	abs, err := filepath.Abs(base)
	if err != nil {
		return "", fmt.Errorf("resolve state dir %s: %w", base, err)
	}
	return filepath.Join(abs, dirName(watched)), nil
}

// stateBase returns the first of StateDir, $STATE_DIRECTORY, $XDG_STATE_HOME and ~/.local/state that is set.
func (c *Capture) stateBase() (string, error) {
	if c.StateDir != "" {
		return c.StateDir, nil
	}
	if base, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); base != "" { // systemd.exec(5): a list
		return base, nil
	}
	if xdg := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "wpre-relay"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no directory for state: the user has no home directory; set --state-dir")
	}
	return filepath.Join(home, ".local", "state", "wpre-relay"), nil
}

// dirName returns a readable directory name for path, made unique by a hash.
func dirName(path string) string {
	readable := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\: `, r) {
			return '-'
		}
		return r
	}, strings.TrimSuffix(filepath.Dir(path), "realtime-events")), "-")
	if len(readable) > maxReadableName {
		readable = strings.ToValidUTF8(readable[len(readable)-maxReadableName:], "")
	}
	sum := sha256.Sum256([]byte(path))
	return fmt.Sprintf("%s-%x", readable, sum[:4])
}
