//go:build linux

package up

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"wpre-relay/scripts/deploy"
)

// unitPaths are the directories in which a unit can be, the one of the administrator first.
var unitPaths = []string{unitDir, "/usr/lib/systemd/system", "/lib/systemd/system"}

// programInUnit is the path of the program in deploy.Unit.
const programInUnit = "/usr/local/bin/wpre-relay"

// serviceStep installs the unit, unless a package has, gives it the settings for this site, and starts it.
func (s *site) serviceStep(ctx context.Context, opts Options) (step, error) {
	planned := step{
		Name:   "service",
		Reload: [][]string{{"systemctl", "daemon-reload"}},
		start: [][]string{{"systemctl", "daemon-reload"}, {"systemctl", "enable", unitName},
			{"systemctl", "restart", unitName}},
		verify: func(ctx context.Context) error { return waitUntil(ctx, "http://"+opts.Listen+"/livez", "") },
	}
	if isActive(ctx, unitName) {
		planned.Reload = append(planned.Reload, []string{"systemctl", "restart", unitName})
	} else {
		planned.Stop = [][]string{{"systemctl", "disable", "--now", unitName}}
		if err := checkFree(opts.Listen); err != nil {
			return planned, err
		}
	}
	if err := s.checkOtherSite(ctx, opts); err != nil {
		return planned, err
	}
	if !hasUnit() {
		unit, err := unitFor(opts.Program)
		if err != nil {
			return planned, err
		}
		file := filepath.Join(unitDir, unitName)
		planned.Changes = append(planned.Changes, change{Kind: makeFile, Path: file, mode: 0o644, content: []byte(unit)})
	}
	planned.Changes = append(planned.Changes, missingDirs(dropIn, nil)...)
	planned.Changes = append(planned.Changes, change{
		Kind: makeFile, Path: dropIn, mode: 0o644, content: []byte(s.settings(opts)),
	})
	return planned, nil
}

// checkOtherSite returns an error if up has set up the relay for another site.
func (s *site) checkOtherSite(ctx context.Context, opts Options) error {
	text, err := system{}.read(ctx, dropIn)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "WPRE_RELAY_WATCH=") && !strings.Contains(s.settings(opts), line) {
			return fmt.Errorf("%s serves another site: %s; for a second site see \"If the server has several sites\" in "+
				"install.md, or run \"wpre-relay down\" first", unitName, strings.TrimSpace(line))
		}
	}
	return nil
}

// hasUnit reports whether a unit for the relay is installed.
func hasUnit() bool {
	for _, dir := range unitPaths {
		if _, err := os.Stat(filepath.Join(dir, unitName)); err == nil {
			return true
		}
	}
	return false
}

// unitFor returns the unit for the program at a path. The unit's user sees no home directories and no /tmp.
func unitFor(program string) (string, error) {
	if !strings.HasPrefix(program, "/usr/") && !strings.HasPrefix(program, "/opt/") {
		return "", fmt.Errorf("a service cannot run %s; install it first: install %[1]s %s", program, programInUnit)
	}
	return strings.ReplaceAll(deploy.Unit, "ExecStart="+programInUnit, "ExecStart="+program), nil
}

// settings returns the drop-in for the unit.
func (s *site) settings(opts Options) string {
	var b strings.Builder
	b.WriteString(written + "[Service]\n")
	for _, variable := range []string{
		"WATCH=" + s.facts.events(),
		"LISTEN=" + opts.Listen,
		"TRUSTED_PROXY=127.0.0.1,::1",
		"PUBLIC_STATUS=publish",
		"ALLOW_ANONYMOUS=true",
	} {
		fmt.Fprintf(&b, "Environment=\"WPRE_RELAY_%s\"\n", escapeUnit(variable))
	}
	fmt.Fprintf(&b, "LoadCredential=jwt:%s\nEnvironment=WPRE_RELAY_JWT_KEY=%%d/jwt\n", keyFile)
	if underHome(s.facts.Content) {
		b.WriteString("ProtectHome=read-only\n")
	}
	if gid, needed := readerGroup(s.facts.events()); needed {
		fmt.Fprintf(&b, "SupplementaryGroups=%d\n", gid)
	}
	return b.String()
}

// escapeUnit escapes a value for a quoted setting of a unit (systemd.syntax(7)): "%" begins a specifier.
func escapeUnit(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(value)
}

// underHome reports whether a unit with ProtectHome=yes does not see path.
func underHome(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	for _, hidden := range []string{"/home/", "/root/", "/run/user/"} {
		if strings.HasPrefix(real, hidden) {
			return true
		}
	}
	return false
}

// readerGroup returns the group of the innermost directory on the way to path that others cannot enter. needed is
// false if everybody can.
func readerGroup(path string) (gid uint32, needed bool) {
	for ; path != "/"; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			return info.Sys().(*syscall.Stat_t).Gid, true
		}
	}
	return 0, false
}

// checkFree returns an error if a program listens at the address.
func checkFree(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%w; stop that program, or choose another address with --listen", err)
	}
	return listener.Close()
}

const (
	// readyTimeout bounds how long a server that was started or reloaded takes to answer. On a busy machine, nginx has
	// taken longer than 15 s.
	readyTimeout = 30 * time.Second

	// readyInterval is the time between two requests.
	readyInterval = 20 * time.Millisecond
)

// waitForClient waits until the relay's client is served below the relay's address for browsers.
func waitForClient(ctx context.Context, address string) error {
	return waitUntil(ctx, "http"+strings.TrimPrefix(address, "ws")+"/client.js", "wpreRelay")
}

// waitUntil waits until a request is answered with 200 and a text that contains part.
func waitUntil(ctx context.Context, address, part string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := tryGet(ctx, address, part)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(readyInterval):
		}
	}
}
