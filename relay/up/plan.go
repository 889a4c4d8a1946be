//go:build linux

package up

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"wpre-relay/relay/companion"
	"wpre-relay/relay/webserver"
)

const (
	keyFile   = "/etc/wpre-relay/jwt.key"
	unitName  = "wpre-relay.service"
	unitDir   = "/etc/systemd/system"
	dropInDir = unitDir + "/" + unitName + ".d"
	dropIn    = dropInDir + "/up.conf"
)

// plan returns the steps that are not done yet, in order. The address in wp-config.php is the last one, so that no page
// connects before the relay can be reached.
func (s *site) plan(ctx context.Context, opts Options) (steps []step, err error) {
	for _, makeStep := range []func(context.Context, Options) (step, error){
		s.keyStep, s.serviceStep, s.companionStep, s.serverStep, s.addressStep,
	} {
		planned, err := makeStep(ctx, opts)
		if err == nil {
			err = planned.pending(ctx, s.disks())
		}
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", planned.Name, err)
		}
		if len(planned.Changes) > 0 {
			steps = append(steps, planned)
		}
	}
	return steps, nil
}

// disks returns the disks of the users that own the files of the site.
func (s *site) disks() disks { return disks{php: s.owner.php} }

// asOwner returns the user who may change the file at path; nil for root, who only writes where no other user can put a
// link.
func asOwner(path string) (*user, error) {
	if _, _, err := (system{}).resolve(path); err == nil {
		return nil, nil
	}
	u, err := ownerOf(path)
	if err != nil || u.UID == 0 {
		return nil, err
	}
	return &u, nil
}

// missingDirs returns the changes that create the directories above path.
func missingDirs(path string, as *user) (changes []change) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == "/" {
			return changes
		}
		changes = append([]change{{Kind: makeDir, Path: dir, As: as}}, changes...)
	}
}

// keyStep creates the secret that WordPress and the relay share. PHP reads it as the group of the event file.
func (s *site) keyStep(context.Context, Options) (step, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	changes := missingDirs(keyFile, nil)
	if _, err := os.Stat(keyFile); err != nil {
		changes = append(changes, change{
			Kind: makeFile, Path: keyFile, mode: 0o640, group: s.owner.user.GID, secret: true,
			content: []byte(hex.EncodeToString(secret) + "\n"),
		})
	}
	return step{Name: "key", Changes: changes}, nil
}

// companionStep installs the must-use plugin, or replaces an older one.
func (s *site) companionStep(context.Context, Options) (step, error) {
	name := cmp.Or(companion.Find(os.DirFS(s.facts.MUPlugins)), companion.FileName)
	path := filepath.Join(s.facts.MUPlugins, name)
	as, err := asOwner(path)
	file := change{
		Kind: makeFile, Path: path, As: as, mode: 0o644, content: companion.Plugin,
		Outbox: &outbox{Dir: s.facts.events(), As: s.owner.user},
	}
	return step{
		Name:    "companion",
		Changes: append(missingDirs(path, as), file),
		verify: func(ctx context.Context) error {
			return s.expect(ctx, "load the companion", func(f facts) bool { return f.Companion })
		},
	}, err
}

// expect asks WordPress again, and returns an error if its answer does not fit.
func (s *site) expect(ctx context.Context, what string, fits func(facts) bool) error {
	var now facts
	if err := s.owner.call(ctx, &now, "inspect", s.dir, s.facts.Home); err != nil {
		return err
	}
	if !fits(now) {
		return fmt.Errorf("WordPress in %s does not %s", s.dir, what)
	}
	return nil
}

// serverStep includes a file for the relay's path in each part of the web server's configuration.
func (s *site) serverStep(ctx context.Context, opts Options) (step, error) {
	planned := step{
		Name:   s.server.name,
		Reload: [][]string{{"systemctl", "reload", s.server.unit}},
		test:   s.server.test,
		start:  [][]string{{"systemctl", "reload", s.server.unit}},
		verify: func(ctx context.Context) error { return waitForClient(ctx, s.address) },
	}
	if s.server.links != nil {
		planned.Changes = s.server.links()
	}
	planned.Changes = append(planned.Changes, change{
		Kind: makeFile, Path: s.server.file, mode: 0o644, content: []byte(s.lines(opts)),
	})
	offsets := make(map[string][]int)
	for _, part := range s.parts {
		included, err := s.includes(ctx, part)
		if err != nil {
			return planned, err
		}
		if included {
			continue
		}
		if rule, found := part.Find(opts.Path); found {
			return planned, fmt.Errorf("%s:%d has a rule for %s already; remove it, or choose another path with --path",
				rule.File, rule.Line, rule.Path)
		}
		offsets[part.File] = append(offsets[part.File], part.Insert)
	}
	for _, file := range slices.Sorted(maps.Keys(offsets)) {
		planned.Changes = append(planned.Changes, insertAt(file, s.server.include, nil, offsets[file]...))
	}
	return planned, nil
}

// lines returns the content of the file that the web server includes.
func (s *site) lines(opts Options) string {
	var deny webserver.Lines
	if dir := s.eventsPath(); dir != "" && !s.hasRule(dir) {
		deny = webserver.Deny(dir)
	}
	lines := s.server.content(opts.Path, webserver.Pass(opts.Path, opts.Listen), deny)
	return written + strings.TrimSpace(lines) + "\n"
}

// plainPath matches URL paths that no web server takes for a pattern, and that look the same when they are escaped.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// eventsPath returns the URL path of the event file's directory, with a slash at its end. It returns "" if the site
// serves wp-content on another host, or at a path that is not plain.
func (s *site) eventsPath() string {
	content, err := url.Parse(s.facts.ContentURL)
	if err != nil || content.Host != s.home.Host || !plainPath.MatchString(content.Path) {
		return ""
	}
	return content.Path + "/realtime-events/"
}

// hasRule reports whether the site already has a rule for a path and the web server rejects a second one.
func (s *site) hasRule(path string) bool {
	isOwn := func(rule webserver.Path) bool { return rule.Path == path && rule.File != s.server.file }
	return s.server.unique && slices.ContainsFunc(s.parts, func(part webserver.Site) bool {
		return slices.ContainsFunc(part.Paths, isOwn)
	})
}

// includes reports whether a part of the configuration includes the relay's file.
func (s *site) includes(ctx context.Context, part webserver.Site) (bool, error) {
	text, err := system{}.read(ctx, part.File)
	switch {
	case err != nil:
		return false, err
	case part.Insert > len(text):
		return false, fmt.Errorf("%s differs from the configuration that %s has read", part.File, s.server.name)
	}
	return strings.HasPrefix(string(text[part.Insert:]), s.server.include), nil
}
