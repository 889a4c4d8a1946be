//go:build linux

package integration_test

import (
	"strings"
	"testing"
)

// upNginx is the configuration of a site in nginx: WordPress over HTTP and HTTPS and over IPv6, beside a server block
// that only redirects and another site in the same file.
const upNginx = `# The site { and its neighbours }
server {
	listen 80 default_server; listen [::]:80 default_server;
	server_name example.test;
	return 301 https://www.example.test$request_uri;
}
server {	# plain HTTP
	listen 80; listen [::]:80;
	server_name www.example.test;
	root /var/www/html;
	location ~* \.(js|css)$ { expires 30d; }
}
server {
	listen 443 ssl; listen [::]:443 ssl;
	server_name "www.example.test";
	ssl_certificate /etc/ssl/site/cert.pem;
	ssl_certificate_key /etc/ssl/site/key.pem;
	root /var/www/html;
	location ~* \.(js|css)$ { expires 30d; }
}
server { listen 80; server_name other.example.test; root /var/www/other; location / { return 200 "${host}{}"; } }
`

// newNginxSandbox returns a sandbox in which nginx serves a WordPress. The site's file is a link in sites-enabled.
func newNginxSandbox(t *testing.T) *sandbox {
	t.Helper()
	s := newSandbox(t)
	s.addCertificate()
	s.write("/etc/nginx/sites-available/example", upNginx, 0o644)
	s.sh("ln -s ../sites-available/example /etc/nginx/sites-enabled/example && nginx")
	return s
}

// TestUpProvesEventAndDownRestoresTree runs up twice and down twice.
func TestUpProvesEventAndDownRestoresTree(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	text, status := s.relay("up", "--dry-run")
	if status != 0 || strings.Contains(text, "secret-of-the-database") || strings.Count(text, "+\tinclude") != 2 {
		t.Errorf("--dry-run: exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
	text, status = s.relay("up", "--yes")
	for _, want := range []string{"OK    key", "OK    service", "OK    companion", "OK    nginx", "OK    address",
		"OK    proof", "the event reached the client"} {
		if status != 0 || !strings.Contains(text, want) {
			t.Fatalf("exit status %d, no %q:\n%s", status, want, text)
		}
	}
	t.Log(text)
	after := s.tree()
	text, status = s.relay("up", "--yes")
	if status != 0 || !strings.Contains(text, "Nothing to change.") || !strings.Contains(text, "OK    proof") {
		t.Errorf("again: exit status %d:\n%s", status, text)
	}
	s.expectTree(after)
	if text, status = s.relay("down", "--yes"); status != 0 {
		t.Errorf("down: exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
	if text, status = s.relay("down", "--yes"); status != 0 || !strings.Contains(text, "Nothing to undo.") {
		t.Errorf("down again: exit status %d:\n%s", status, text)
	}
}

// upFailures are faults of a server. Each makes one step fail.
var upFailures = map[string]struct{ provoke, step, cause string }{
	"service does not start":    {"touch /run/fail-restart", "service", "systemctl restart wpre-relay.service"},
	"service cannot be enabled": {"touch /run/fail-enable", "service", "systemctl enable"},
	"companion is read-only": {
		"mkdir -m 555 /var/www/html/wp-content/mu-plugins && chown www-data: /var/www/html/wp-content/mu-plugins",
		"companion", "Permission denied"},
	"nginx rejects the configuration": {
		"printf '#!/bin/sh\\n[ \"$1\" != -t ] && exec /usr/sbin/nginx \"$@\"\\nexit 1\\n' >/usr/local/sbin/nginx && " +
			"chmod +x /usr/local/sbin/nginx", "nginx", "nginx -t"},
	"nginx does not reload":      {"touch /run/fail-reload", "nginx", "systemctl reload nginx"},
	"wp-config.php is read-only": {"chmod 555 /var/www/html", "address", "Permission denied"},
	"the plugin fails":           {"touch /run/fail-event", "proof", "the disk is full"},
}

// TestUpUndoesAllChangesAfterFailure provokes a failure of each step. Afterwards all files are as before, and the
// relay does not run.
func TestUpUndoesAllChangesAfterFailure(t *testing.T) {
	t.Parallel()
	for name, failure := range upFailures {
		t.Run(name, func(t *testing.T) {
			s := newNginxSandbox(t)
			s.sh(failure.provoke)
			before := s.tree()
			text, status := s.relay("up", "--yes")
			if status != 1 || !strings.Contains(text, failure.step+" failed, and all changes") ||
				!strings.Contains(text, failure.cause) {
				t.Errorf("exit status %d, want a failure of %s: %s:\n%s", status, failure.step, failure.cause, text)
			}
			s.expectTree(before)
			if s.exists("/run/wpre-relay.pid") {
				t.Error("the relay still runs")
			}
		})
	}
}

// upObstacles are servers on which up cannot work, and how to remove the obstacle.
var upObstacles = []struct{ provoke, want, restore string }{
	{"mv /var/www/html/wp-content/plugins /var/plugins", "vengalavinay.com/wordpress-development-recipe",
		"mv /var/plugins /var/www/html/wp-content/plugins"},
	{"touch /run/inactive", "not active", "rm /run/inactive"},
	{"touch /run/ftp", "writes files by ftpext and not directly", "rm /run/ftp"},
	{"sed -i s/WPRE_Event_Manager/Other_Manager/ /var/www/html/wp-content/plugins/*/*.php",
		"no class WPRE_Event_Manager", "sed -i s/Other_Manager/WPRE_Event_Manager/ /var/www/html/wp-content/plugins/*/*.php"},
	{"sed -i 's|location ~|location /ws { return 404; } location ~|' /etc/nginx/sites-available/example",
		"/etc/nginx/sites-enabled/example:11 has a rule for /ws",
		"sed -i 's|location /ws { return 404; } ||' /etc/nginx/sites-available/example"},
	{"sed -i 's/require_once/include/; 2i declare( ticks=1 );' /var/www/html/wp-config.php", "not of the usual form",
		"sed -i 's/include/require_once/; 2d' /var/www/html/wp-config.php"},
	{"mkdir -m 777 /etc/open && mkdir /etc/open/dir && ln -s open/dir /etc/wpre-relay", "users other than root",
		"rm -r /etc/open /etc/wpre-relay"},
	{"cd /var/www/html/wp-content && mkdir mu-plugins && echo '<?php' >/etc/target.php && " +
		"ln -s /etc/target.php mu-plugins/wpre-relay-companion.php && chown -hR www-data: mu-plugins",
		"refusing to work as that user", "rm -r /var/www/html/wp-content/mu-plugins"},
	{"chown root: /var/www/html/wp-content", "belongs to root", "chown www-data: /var/www/html/wp-content"},
	{"mv /var/www/html/wp-load.php /var", "serves no WordPress", "mv /var/wp-load.php /var/www/html"},
	{"kill $(cat /run/nginx.pid); while [ -e /run/nginx.pid ]; do sleep 0.01; done", "no web server runs", "nginx"},
}

// TestUpStopsBeforeChangingAnything removes each obstacle again, so that up succeeds at the end.
func TestUpStopsBeforeChangingAnything(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	for _, tc := range upObstacles {
		s.sh(tc.provoke)
		before := s.tree()
		text, status := s.relay("up", "--yes")
		if status != 1 || !strings.Contains(text, tc.want) {
			t.Errorf("%s: exit status %d, no %q:\n%s", tc.provoke, status, tc.want, text)
		}
		s.expectTree(before)
		s.sh(tc.restore)
	}
	if text, status := s.relay("up", "--yes"); status != 0 {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}
