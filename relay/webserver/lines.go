package webserver

import (
	"fmt"
	"regexp"
)

// Lines are lines for a site's configuration, in the syntax of each server.
type Lines struct{ Nginx, Apache, Caddy string }

// Pass returns the lines that pass path, and all paths below it, to the relay at an address. path is without a slash at
// its end. No other path gets to the relay, not "/wsop" for "/ws", and no location for *.js gets the relay's client.
// Tokens in URLs stay out of the logs of nginx, which writes the URL also into messages about errors, at a level below
// crit, and of Apache. Caddy needs another line for that. Its lines use the URL before rewrites, because Caddy does a
// site's try_files first, which turns every path without a file into /index.php.
func Pass(path, relay string) Lines {
	return Lines{
		Nginx: fmt.Sprintf(`location = %[1]s { rewrite ^ %[1]s/ last; }
location ^~ %[1]s/ {
    proxy_pass http://%[2]s;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 75s;
    access_log off;
    error_log /dev/null crit;
}`, path, relay),
		Apache: fmt.Sprintf("ProxyPreserveHost On\nProxyPass \"%[1]s\" \"ws://%[2]s%[1]s\" timeout=75\n"+
			`LogFormat "%%h %%l %%u %%t \"%%m %%U %%H\" %%>s %%b \"%%{Referer}i\" \"%%{User-Agent}i\"" combined`, path, relay),
		Caddy: fmt.Sprintf(`@wpre_relay vars_regexp {http.request.orig_uri.path} ^%s(/|$)
handle @wpre_relay {
    rewrite * {http.request.orig_uri}
    reverse_proxy %s
}`, regexp.QuoteMeta(path), relay),
	}
}

// Deny returns the lines that deny access to a directory of the site. dir ends with a slash.
func Deny(dir string) Lines {
	return Lines{
		Nginx:  fmt.Sprintf("location ^~ %s { deny all; }", dir),
		Apache: fmt.Sprintf("<Location \"%s\">\n    Require all denied\n</Location>", dir),
		Caddy:  fmt.Sprintf("handle %s* {\n    respond 403\n}", dir),
	}
}
