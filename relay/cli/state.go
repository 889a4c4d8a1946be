package cli

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// StatePath returns the folder for what was sent of one watched file: below the state directory that was given, or
// that the system provides, one folder for each.
func (s *Serve) StatePath(watched string) (string, error) {
	base := s.StateDir
	if base == "" {
		base, _, _ = strings.Cut(os.Getenv("STATE_DIRECTORY"), ":") // systemd.exec(5): a list
	}
	if base == "" {
		if xdg := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) {
			base = filepath.Join(xdg, "wpre-relay")
		}
	}
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("there is no home directory to remember in what was sent; give --state-dir")
		}
		base = filepath.Join(home, ".local", "state", "wpre-relay")
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	return filepath.Join(base, folderName(watched)), nil
}

// folderName makes a path readable as one name, and unique by a hash.
func folderName(path string) string {
	readable := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\: `, r) {
			return '-'
		}
		return r
	}, strings.TrimSuffix(filepath.Dir(path), "realtime-events")), "-")
	if len(readable) > 80 {
		readable = strings.ToValidUTF8(readable[len(readable)-80:], "")
	}
	sum := sha256.Sum256([]byte(path))
	return fmt.Sprintf("%s-%x", readable, sum[:4])
}
