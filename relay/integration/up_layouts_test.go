//go:build linux

package integration_test

import (
	"strings"
	"testing"
)

// upLayouts are unusual places and owners of WordPress's files below /var/www/html.
var upLayouts = map[string]string{
	"in a subdirectory": "cd html && mkdir blog && mv wp-* blog && chown www-data: blog && " +
		"echo https://www.example.test/blog >/run/home",
	"configuration one level above, of the user of PHP": "mv html/wp-config.php .",
	"configuration of root": "chown root: html html/wp-config.php && chmod 640 html/wp-config.php && " +
		"chgrp www-data html/wp-config.php",
	"releases of another user": "mkdir -p releases shared && cp -a html releases/1 && rm -r html && " +
		"mv releases/1/wp-content shared && ln -s ../../shared/wp-content releases/1/wp-content && " +
		"chown -hR 1001:33 releases shared && chown -R www-data: shared/wp-content && ln -s releases/1 html",
}

// TestUpWithOtherLayouts runs up and down.
func TestUpWithOtherLayouts(t *testing.T) {
	t.Parallel()
	for name, script := range upLayouts {
		t.Run(name, func(t *testing.T) {
			s := newNginxSandbox(t)
			s.sh("cd /var/www && " + script)
			before := s.tree()
			if text, status := s.relay("up", "--yes"); status != 0 || !strings.Contains(text, "OK    proof") {
				t.Errorf("exit status %d:\n%s", status, text)
			}
			if text, status := s.relay("down", "--yes"); status != 0 {
				t.Errorf("down: exit status %d:\n%s", status, text)
			}
			s.expectTree(before)
		})
	}
}

// TestUpAsksWhichSite has two WordPress on a server, of which one relay can watch one.
func TestUpAsksWhichSite(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	s.sh("cp -a /var/www/html /var/www/other")
	before := s.tree()
	text, status := s.relay("up", "--yes")
	if status != 1 || !strings.Contains(text, "choose one with --watch or --site") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
	if text, status := s.relay("up", "--yes", "--site", "https://www.example.test"); status != 0 {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	after := s.tree()
	s.sh("echo http://other.example.test >/run/home")
	text, status = s.relay("up", "--yes", "--site", "http://other.example.test")
	if status != 1 || !strings.Contains(text, "serves another site") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	s.expectTree(after)
}

// TestUpHidesEventFile compares up with check, also on a site that already has such a rule.
func TestUpHidesEventFile(t *testing.T) {
	t.Parallel()
	const own = "location ^~ /wp-content/realtime-events/ { return 403; } "
	for name, script := range map[string]string{
		"without a rule":         "",
		"with a rule of its own": "sed -i 's|location ~|" + own + "location ~|' /etc/nginx/sites-available/example",
	} {
		t.Run(name, func(t *testing.T) {
			s := newNginxSandbox(t)
			s.sh("echo '<html>' >/var/www/html/index.html\n" + script + "\nnginx -s reload")
			text, status := s.relay("up", "--yes")
			if hides := strings.Contains(text, "+location ^~ /wp-content/"); status != 0 || hides == (script != "") {
				t.Errorf("exit status %d:\n%s", status, text)
			}
			text, _ = s.relay("check", "--site", "https://www.example.test")
			if text = strings.Join(strings.Fields(text), " "); !strings.Contains(text, "is not public: it responds with 403") {
				t.Error(text)
			}
		})
	}
}
