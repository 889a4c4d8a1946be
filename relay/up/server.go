//go:build linux

package up

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"wpre-relay/relay/webserver"
)

// server is a web server of this machine.
type server struct {
	name    string
	program string // that must be in the path
	unit    string // of systemd

	// sites returns the sites of the running configuration.
	sites func(ctx context.Context, disk disk) ([]webserver.Site, error)

	file    string          // the file that sites include
	content contentFunc     // returns the content of file
	include string          // the line that includes it, with the line break before it
	unique  bool            // a second rule for a path is an error
	test    []string        // command that fails if the configuration is invalid
	links   func() []change // enables modules; nil: needs none
}

// contentFunc returns the lines for a site. deny can be empty.
type contentFunc func(path string, pass, deny webserver.Lines) string

// servers are the web servers that up can configure.
var servers = []server{
	{
		name: "nginx", program: "nginx", unit: "nginx",
		sites:   nginxSites,
		file:    "/etc/nginx/snippets/wpre-relay.conf",
		content: func(_ string, pass, deny webserver.Lines) string { return pass.Nginx + "\n" + deny.Nginx },
		include: "\n\tinclude /etc/nginx/snippets/wpre-relay.conf;",
		unique:  true,
		test:    []string{"nginx", "-t"},
	},
	{
		name: "Apache", program: "apachectl", unit: "apache2",
		sites:   apacheSites,
		file:    "/etc/apache2/wpre-relay.conf",
		content: apacheContent,
		include: "\n\tInclude /etc/apache2/wpre-relay.conf",
		test:    []string{"apachectl", "configtest"},
		links:   apacheModules,
	},
	{
		name: "Caddy", program: "caddy", unit: "caddy",
		sites:   caddySites,
		file:    "/etc/caddy/wpre-relay.caddy",
		content: caddyContent,
		include: "\n\timport /etc/caddy/wpre-relay.caddy",
		test:    []string{"caddy", "validate", "--adapter", "caddyfile", "--config", caddyfile},
	},
}

const caddyfile = "/etc/caddy/Caddyfile"

// isActive reports whether systemd runs a unit.
func isActive(ctx context.Context, unit string) bool {
	return run(ctx, []string{"systemctl", "is-active", "--quiet", unit}) == nil
}

// output returns the standard output of a command.
func output(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, firstPart(stderr.String()))
	}
	return string(out), nil
}

const written = "# Written by \"wpre-relay up\"; \"wpre-relay down\" removes it.\n"

func nginxSites(ctx context.Context, _ disk) ([]webserver.Site, error) {
	dump, err := output(ctx, "nginx", "-T")
	if err != nil {
		return nil, err
	}
	return webserver.Nginx(dump)
}

func apacheSites(ctx context.Context, disk disk) (sites []webserver.Site, err error) {
	out, err := output(ctx, "apachectl", "-S")
	if err != nil {
		return nil, err
	}
	for _, host := range webserver.VirtualHosts(out) {
		text, err := disk.read(ctx, host.File)
		if err != nil {
			return nil, err
		}
		site, err := host.Site(string(text))
		if err != nil {
			return nil, err
		}
		sites = append(sites, site)
	}
	return sites, nil
}

// apacheContent also works if the virtual host has rewrite rules, which come before the proxy: they stop at the relay's
// path.
func apacheContent(path string, pass, deny webserver.Lines) string {
	return fmt.Sprintf(`<IfModule mod_rewrite.c>
    RewriteEngine On
    RewriteRule "^%s(/|$)" - [END]
</IfModule>
`, path) + pass.Apache + "\n" + deny.Apache
}

// apacheModules returns the links that a2enmod creates for the modules of a proxy.
func apacheModules() (links []change) {
	const dir = "/etc/apache2/mods-"
	for _, module := range []string{"proxy", "proxy_http", "proxy_wstunnel"} {
		files, _ := filepath.Glob(dir + "available/" + module + ".*") // the pattern is valid
		for _, file := range files {
			name := filepath.Base(file)
			links = append(links, change{Kind: makeLink, Path: dir + "enabled/" + name, target: "../mods-available/" + name})
		}
	}
	return links
}

func caddySites(ctx context.Context, disk disk) ([]webserver.Site, error) {
	adapted, err := output(ctx, "caddy", "adapt", "--adapter", "caddyfile", "--config", caddyfile)
	if err != nil {
		return nil, err
	}
	text, err := disk.read(ctx, caddyfile)
	if err != nil {
		return nil, err
	}
	return webserver.Caddy([]byte(adapted), caddyfile, string(text))
}

// caddyContent keeps the requests to the relay, and so their tokens, out of the log.
func caddyContent(_ string, pass, deny webserver.Lines) string {
	return pass.Caddy + "\nskip_log @wpre_relay\n" + deny.Caddy
}
