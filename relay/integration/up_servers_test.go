//go:build linux

package integration_test

import (
	"strings"
	"testing"
)

// upApache is a site in Apache: WordPress over HTTP and HTTPS, beside one that redirects.
const upApache = `<VirtualHost *:80>
	ServerName example.test
	Redirect permanent / https://www.example.test/
</VirtualHost>
<VirtualHost *:80 [::]:80>
	ServerName www.example.test
	ServerAlias live.example.test
	DocumentRoot "/var/www/html"
	CustomLog ${APACHE_LOG_DIR}/access.log combined
	<Directory /var/www/html>
		AllowOverride All
	</Directory>
</VirtualHost>
<IfModule mod_ssl.c>
	<VirtualHost *:443>
		ServerName www.example.test
		DocumentRoot /var/www/html
		SSLEngine on
		SSLCertificateFile /etc/ssl/site/cert.pem
		SSLCertificateKeyFile /etc/ssl/site/key.pem
		RewriteEngine On
		RewriteRule . /index.php [L]
		<Directory /var/www/html>
			AllowOverride All
		</Directory>
	</VirtualHost>
</IfModule>
`

// upCaddy is a site in Caddy: WordPress over HTTP and HTTPS, beside one that redirects.
const upCaddy = `{
	auto_https off
	log {
		output file /var/log/caddy.log
	}
}

example.test:80 {
	redir https://www.example.test{uri}
}
(wordpress) {
	root * /var/www/html
	log
	try_files {path} {path}/ /index.php
	php_fastcgi unix//run/php.sock
	file_server
}
http://www.example.test {
	import wordpress
}
https://www.example.test, https://live.example.test {
	tls /etc/ssl/site/cert.pem /etc/ssl/site/key.pem
	import wordpress
}
`

// htaccess has the rules that WordPress writes.
const htaccess = `# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
</IfModule>
# END WordPress
`

// upServers are web servers whose site is not enabled yet: enable starts them.
var upServers = map[string]struct{ program, file, config, enable, step string }{
	"Apache": {"apachectl", "/etc/apache2/sites-available/example.conf", upApache,
		"a2enmod -q ssl rewrite && a2ensite -q example && apachectl start", "OK    Apache"},
	"Caddy": {"caddy", "/etc/caddy/Caddyfile", upCaddy,
		"caddy start --config /etc/caddy/Caddyfile --pidfile /run/caddy.pid >/dev/null 2>&1", "OK    Caddy"},
}

// TestUpWithOtherServers runs up with Apache and Caddy, makes it fail, and runs down.
func TestUpWithOtherServers(t *testing.T) {
	t.Parallel()
	for name, server := range upServers {
		t.Run(name, func(t *testing.T) {
			lookPath(t, server.program)
			s := newSandbox(t)
			s.addCertificate()
			s.write(server.file, server.config, 0o644)
			s.write("/var/www/html/index.php", "<?php\n", 0o644)
			s.write("/var/www/html/.htaccess", htaccess, 0o644)
			s.sh(server.enable)
			before := s.tree()
			s.sh("touch /run/fail-event")
			text, status := s.relay("up", "--yes")
			if status != 1 || !strings.Contains(text, "proof failed, and all changes") {
				t.Errorf("exit status %d:\n%s", status, text)
			}
			s.expectTree(before)
			s.sh("rm /run/fail-event")
			text, status = s.relay("up", "--yes")
			if status != 0 || !strings.Contains(text, server.step) || !strings.Contains(text, "OK    proof") {
				t.Errorf("exit status %d:\n%s", status, text)
			}
			after := s.tree()
			if text, status = s.relay("up"); status != 0 || !strings.Contains(text, "Nothing to change.") {
				t.Errorf("again: exit status %d:\n%s", status, text)
			}
			s.expectTree(after)
			if text, status = s.relay("down", "--yes"); status != 0 {
				t.Errorf("down: exit status %d:\n%s", status, text)
			}
			s.expectTree(before)
		})
	}
}

// TestCheckFixAppliesOneStepAtATime answers no after two steps, and then lets the third one fail: the first two stay.
// Without a fault, the other steps follow.
func TestCheckFixAppliesOneStepAtATime(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	text, status := s.run("bash", "-c", "printf 'y\\ny\\nn\\n' | wpre-relay check --fix")
	if status != 1 || !strings.Contains(text, "OK    service") || strings.Contains(text, "OK    companion") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	after := s.tree()
	s.sh("mkdir -m 555 /var/www/html/wp-content/mu-plugins && chown www-data: /var/www/html/wp-content/mu-plugins")
	if text, status = s.relay("check", "--fix", "--yes"); status != 1 || !strings.Contains(text, "companion failed") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	s.sh("rmdir /var/www/html/wp-content/mu-plugins")
	s.expectTree(after)
	if text, _ = s.relay("check", "--fix", "--yes", "--idle", "0"); !strings.Contains(text, "OK    proof") {
		t.Errorf("no proof:\n%s", text)
	}
	if text, status = s.relay("down", "--yes"); status != 0 {
		t.Errorf("down: exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
}
