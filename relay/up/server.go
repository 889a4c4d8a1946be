//go:build linux

package up

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"wpre-relay/relay/up/webserver"
)

// server is a web server of this machine.
type server struct {
	name    string
	program string // that must be in the path
	unit    string // of systemd

	// sites returns the sites of the running configuration.
	sites func(ctx context.Context, disk disk) ([]webserver.Site, error)

	file    string                           // the file that sites include
	snippet func(path, listen string) string // returns its content
	include string                           // the line that includes it, with the line break before it
	test    []string                         // command that fails if the configuration is invalid
	links   func() []change                  // enables modules; nil: needs none
}

// servers are the web servers that up can configure.
var servers = []server{
	{
		name: "nginx", program: "nginx", unit: "nginx",
		sites:   nginxSites,
		file:    "/etc/nginx/snippets/wpre-relay.conf",
		snippet: nginxSnippet,
		include: "\n\tinclude /etc/nginx/snippets/wpre-relay.conf;",
		test:    []string{"nginx", "-t"},
	},
	{
		name: "Apache", program: "apachectl", unit: "apache2",
		sites:   apacheSites,
		file:    "/etc/apache2/wpre-relay.conf",
		snippet: apacheSnippet,
		include: "\n\tInclude /etc/apache2/wpre-relay.conf",
		test:    []string{"apachectl", "configtest"},
		links:   apacheModules,
	},
	{
		name: "Caddy", program: "caddy", unit: "caddy",
		sites:   caddySites,
		file:    "/etc/caddy/wpre-relay.caddy",
		snippet: caddySnippet,
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

// nginxSnippet passes path and all paths below it, but not "/wsop" for "/ws".
func nginxSnippet(path, listen string) string {
	var b strings.Builder
	b.WriteString(written)
	for _, location := range []string{"= " + path, "^~ " + path + "/"} {
		fmt.Fprintf(&b, `location %s {
	proxy_pass http://%s;
	proxy_http_version 1.1;
	proxy_set_header Upgrade $http_upgrade;
	proxy_set_header Connection "upgrade";
	proxy_set_header Host $http_host;
	proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
	proxy_set_header X-Forwarded-Proto $scheme;
	proxy_read_timeout 75s;
	access_log off;
	error_log /dev/null crit;
}
`, location, listen)
	}
	return b.String()
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

// apacheSnippet passes path and all paths below it, also if the virtual host has rewrite rules: they come before the
// proxy. The format of the log leaves out query strings, which can have a token.
func apacheSnippet(path, listen string) string {
	return fmt.Sprintf(written+`<IfModule mod_rewrite.c>
	RewriteEngine On
	RewriteRule "^%[1]s(/|$)" - [END]
</IfModule>
ProxyPreserveHost On
ProxyPassMatch "^%[1]s$" "ws://%[2]s%[1]s" timeout=75
ProxyPass "%[1]s/" "ws://%[2]s%[1]s/" timeout=75
LogFormat "%%h %%l %%u %%t \"%%m %%U %%H\" %%>s %%b \"%%{Referer}i\" \"%%{User-Agent}i\"" combined
`, path, listen)
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

// caddySnippet passes path and all paths below it, and keeps their tokens out of the log.
func caddySnippet(path, listen string) string {
	return fmt.Sprintf(written+`@wpre_relay path %[1]s %[1]s/*
skip_log @wpre_relay
reverse_proxy @wpre_relay %[2]s
`, path, listen)
}
