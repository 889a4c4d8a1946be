package token_test

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"wpre-relay/relay/security/token"
)

func TestCreateSecretWritesPrivateFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other permissions")
	}
	group, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Skip(err)
	}
	for name, tc := range map[string]struct {
		group string
		mode  fs.FileMode
	}{
		"owner only": {"", 0o600},
		"group":      {group.Name, 0o640},
	} {
		path := filepath.Join(t.TempDir(), "new", "jwt.key")
		if err := token.CreateSecret(path, tc.group); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != tc.mode {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode(), err, tc.mode)
		}
		minted, err := token.MintWithFile(path, token.Claims{"exp": 1 << 40})
		if err != nil || minted == "" {
			t.Errorf("%s: the relay cannot use it: %v", name, err)
		}
		before, _ := os.ReadFile(path)
		if err := token.CreateSecret(path, ""); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: a second time: %v", name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) || len(after) != 65 {
			t.Errorf("%s: the file has %d bytes, or has changed", name, len(after))
		}
	}
}

func TestCreateSecretLeavesNoFileIfItFails(t *testing.T) {
	dir := t.TempDir()
	if err := token.CreateSecret(filepath.Join(dir, "jwt.key"), "no-such-group"); err == nil {
		t.Error("an unknown group is accepted")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}
