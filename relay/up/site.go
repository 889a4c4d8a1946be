//go:build linux

package up

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"wpre-relay/relay/webserver"
)

// site is a WordPress and its web server.
type site struct {
	server  server
	parts   []webserver.Site // the parts of the server's configuration that serve it
	dir     string           // of wp-load.php
	owner   owner            // works as the user of PHP
	home    *url.URL         // address of the site
	address string           // of the relay, for browsers
	facts   facts
}

// facts is what WordPress reports.
type facts struct {
	Home       string
	Content    string // directory wp-content
	ContentURL string `json:"content_url"`
	MUPlugins  string `json:"mu_plugins"`
	Config     string // file in which constants are defined
	Plugin     string // "active", "inactive" or "missing"
	Class      bool   // the plugin has the class that writes events
	Method     string // how WordPress writes files; only "direct" works without a login
	URL        string // constant WPRE_RELAY_URL
	Key        string // constant WPRE_RELAY_JWT_KEY
	Companion  bool   // WordPress loads it
}

// events returns the directory of the event file.
func (f facts) events() string { return filepath.Join(f.Content, "realtime-events") }

// candidate is a WordPress that a web server serves.
type candidate struct {
	server server
	dir    string
	parts  []webserver.Site
}

// findSite returns the only WordPress that matches the options.
func findSite(ctx context.Context, opts Options) (*site, error) {
	var found []candidate
	var names []string
	for _, server := range servers {
		if _, err := exec.LookPath(server.program); err != nil || !isActive(ctx, server.unit) {
			continue
		}
		names = append(names, server.name)
		sites, err := server.sites(ctx, system{})
		if err != nil {
			return nil, err
		}
		found = append(found, candidates(server, sites, opts)...)
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("no web server runs: start nginx, Apache or Caddy under systemd")
	case len(found) == 0:
		return nil, fmt.Errorf("%s serves no WordPress that matches --watch and --site; set the root of the site's "+
			"server block to the directory of wp-load.php", strings.Join(names, " and "))
	case len(found) > 1:
		var all []string
		for _, c := range found {
			all = append(all, c.dir)
		}
		return nil, fmt.Errorf("%d WordPress sites found; choose one with --watch or --site: %s", len(found),
			strings.Join(all, ", "))
	}
	return newSite(ctx, found[0], opts)
}

// candidates returns each WordPress of a server once, with all parts of the configuration that serve it.
func candidates(server server, sites []webserver.Site, opts Options) (found []candidate) {
	for _, part := range sites {
		dir := wordpressBelow(part.Root)
		if dir == "" || opts.Watch != "" && !sameFile(opts.Watch, dir) && !sameFile(opts.Watch, part.Root) {
			continue
		}
		if opts.Site != nil && !part.Serves(opts.Site.Hostname()) {
			continue
		}
		i := slices.IndexFunc(found, func(c candidate) bool { return sameFile(c.dir, dir) })
		if i < 0 {
			i = len(found)
			found = append(found, candidate{server: server, dir: dir})
		}
		found[i].parts = append(found[i].parts, part)
	}
	return found
}

// wordpressBelow returns the directory of wp-load.php: the root of a site or a directory in it. It returns "" if there
// is none or if several directories have one.
func wordpressBelow(root string) string {
	if root == "" {
		return ""
	}
	if _, err := os.Stat(filepath.Join(root, "wp-load.php")); err == nil {
		return root
	}
	found, _ := filepath.Glob(filepath.Join(root, "*", "wp-load.php")) // a root that is no valid pattern has none
	if len(found) != 1 {
		return ""
	}
	return filepath.Dir(found[0])
}

// sameFile reports whether two paths lead to the same file.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// newSite asks WordPress about itself, as the user of PHP.
func newSite(ctx context.Context, c candidate, opts Options) (*site, error) {
	php, err := exec.LookPath("php")
	if err != nil {
		return nil, errors.New("php is not in the path: install the package php-cli")
	}
	file, _, err := opts.Locate(c.dir)
	if err != nil {
		return nil, err
	}
	phpUser, err := ownerOf(file)
	if err != nil {
		return nil, err
	}
	content := filepath.Dir(filepath.Dir(file))
	if phpUser.UID == 0 {
		return nil, fmt.Errorf("%s belongs to root, so that the plugin can write no event there; give it to PHP's user, "+
			"for example: chown -R www-data: %[1]s", content)
	}
	s := &site{server: c.server, dir: c.dir, owner: owner{php: php, user: phpUser}}
	guess := "http://" + firstName(c.parts)
	if opts.Site != nil {
		guess = opts.Site.String()
	}
	if err := s.owner.call(ctx, &s.facts, "inspect", s.dir, guess); err != nil {
		return nil, err
	}
	if s.home, err = url.Parse(s.facts.Home); err != nil || s.home.Host == "" {
		return nil, fmt.Errorf("WordPress in %s has no valid address: %q", s.dir, s.facts.Home)
	}
	s.address = "ws" + strings.TrimPrefix(s.home.Scheme, "http") + "://" + s.home.Host + opts.Path
	serves := func(part webserver.Site) bool { return part.Serves(s.home.Hostname()) }
	s.parts = slices.DeleteFunc(slices.Clone(c.parts), func(p webserver.Site) bool { return !serves(p) })
	if len(s.parts) == 0 {
		s.parts = c.parts // for any host
	}
	return s, s.checkPlugin()
}

// firstName returns a host name of a site that is no pattern, or "localhost".
func firstName(parts []webserver.Site) string {
	for _, part := range parts {
		for _, name := range part.Names {
			if name != "_" && !strings.ContainsAny(name, "*~") {
				return cmp.Or(strings.TrimPrefix(name, "."), "localhost")
			}
		}
	}
	return "localhost"
}

// pluginSource is the address of the article that publishes the plugin.
const pluginSource = "https://www.vengalavinay.com/wordpress-development-recipe-real-time-custom-event-triggers-" +
	"using-websockets-and-filesystem-api/"

// checkPlugin returns an error if the plugin does not run or cannot write events. The error has the fix.
func (s *site) checkPlugin() error {
	const again = ", then run this command again"
	switch {
	case s.facts.Plugin == "missing":
		return fmt.Errorf("the plugin \"WP Realtime Events\" is missing:\n"+
			"  1. Copy its PHP files and websocket-client.js, which are published at %s, to %s\n"+
			"  2. Activate it at %s/wp-admin/plugins.php\n"+
			"  3. Run this command again",
			pluginSource, filepath.Join(s.facts.Content, "plugins", "wp-realtime-events"), s.facts.Home)
	case s.facts.Plugin != "active":
		return fmt.Errorf("the plugin \"WP Realtime Events\" is installed in %s, but not active: activate it at "+
			"%s/wp-admin/plugins.php%s", s.facts.Content, s.facts.Home, again)
	case !s.facts.Class:
		return fmt.Errorf("the plugin \"WP Realtime Events\" in %s has no class WPRE_Event_Manager, which writes events; "+
			"install the version that %s publishes%s", s.facts.Content, pluginSource, again)
	case s.facts.Method != "direct":
		return fmt.Errorf("WordPress writes files by %s and not directly, because the user of PHP (uid %d) does not own the "+
			"files of WordPress in %s, so that the plugin writes no events: make that user their owner, or add define( "+
			"'FS_METHOD', 'direct' ); to %s%s", s.facts.Method, s.owner.user.UID, s.dir, s.facts.Config, again)
	}
	return nil
}
