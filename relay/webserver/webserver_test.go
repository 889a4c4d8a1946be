package webserver_test

import (
	"os"
	"strings"
	"testing"

	"wpre-relay/relay/webserver"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// contentOf returns the content of a file in the output of nginx -T.
func contentOf(dump, name string) string {
	_, content, _ := strings.Cut(dump, "# configuration file "+name+":\n")
	content, _, _ = strings.Cut(content, "# configuration file ")
	return content
}

// TestNginxFindsServerBlocks reads the output of a real nginx -T. The site's file is a link in sites-enabled and has
// three server blocks, brackets in comments, strings and variables, and an include with a location.
func TestNginxFindsServerBlocks(t *testing.T) {
	dump := read(t, "nginx.txt")
	sites, err := webserver.Nginx(dump)
	if err != nil || len(sites) != 3 {
		t.Fatalf("%d sites, %v", len(sites), err)
	}
	const file = "/etc/nginx/sites-enabled/example"
	for i, want := range []struct{ root, host, path, after string }{
		{"", "example.test", "", "\n\tlisten 80 default_server"},
		{"/var/www/html", "www.example.test", "/ws", "\t# plain HTTP"},
		{"/var/www/html", "www.example.test", "", " listen 443 ssl;"},
	} {
		site := sites[i]
		_, found := site.Find("/ws")
		if site.Root != want.root || !site.Serves(want.host) || site.File != file || found != (want.path != "") {
			t.Errorf("site %d: %+v, want %+v", i, site, want)
		}
		if text := contentOf(dump, file)[site.Insert:]; !strings.HasPrefix(text, want.after) {
			t.Errorf("site %d: inserts before %.40q, want %q", i, text, want.after)
		}
	}
	if rule, _ := sites[1].Find("/ws"); rule.File != "/etc/nginx/snippets/live.conf" || rule.Line != 1 {
		t.Errorf("the rule for /ws is at %s:%d", rule.File, rule.Line)
	}
}

func TestNginxRejectsWhatItCannotParse(t *testing.T) {
	for _, text := range []string{
		"", "http { server {", "http { } }", "http { server { root 'x; } }", "http { root x }", "http { server \"",
		"http { include loop.conf; }", "{ }", "http { ; }",
	} {
		dump := "# configuration file /etc/nginx/nginx.conf:\n" + text + "\n# configuration file /etc/nginx/loop.conf:\n" +
			"include loop.conf;\n"
		if text == "" {
			dump = ""
		}
		if sites, err := webserver.Nginx(dump); err == nil {
			t.Errorf("%q: %v, want an error", text, sites)
		}
	}
}

// TestNginxCutAnywhereFindsOnlyCompleteBlocks cuts the output at each byte. A file that ends inside a block is an
// error, and each site that is found has its opening bracket.
func TestNginxCutAnywhereFindsOnlyCompleteBlocks(t *testing.T) {
	dump := read(t, "nginx.txt")
	for n := range dump {
		sites, err := webserver.Nginx(dump[:n])
		for _, site := range sites {
			text := contentOf(dump[:n], site.File)
			if err != nil || site.Insert > len(text) || text[site.Insert-1] != '{' {
				t.Errorf("%d bytes: %+v, %v", n, site, err)
			}
		}
	}
}

// TestApacheFindsVirtualHosts reads the output of a real apachectl -S, for a file with three virtual hosts, the last
// in a separate block.
func TestApacheFindsVirtualHosts(t *testing.T) {
	text := read(t, "apache-site.conf")
	hosts := webserver.VirtualHosts(read(t, "apache.txt"))
	if len(hosts) != 3 {
		t.Fatalf("%+v", hosts)
	}
	for i, want := range []struct {
		root, host string
		taken      bool
	}{
		{"", "example.test", false}, {"/var/www/html", "a.blog.example.test", true},
		{"/var/www/html", "www.example.test", true},
	} {
		site, err := hosts[i].Site(text)
		_, taken := site.Find("/ws")
		if err != nil || site.Root != want.root || !site.Serves(want.host) || taken != want.taken {
			t.Errorf("host %d: %+v, %v, want %+v", i, site, err, want)
			continue
		}
		if before := text[:site.Insert]; !strings.HasSuffix(before, ">") || text[site.Insert] != '\n' {
			t.Errorf("host %d: inserts after %q", i, before)
		}
	}
}

func TestApacheRejectsWhatItCannotParse(t *testing.T) {
	for _, text := range []string{
		"", "ServerName x\n", "<VirtualHost *:80>\n", "<VirtualHost *:80>\n<VirtualHost *:81>\n</VirtualHost>\n",
		"<VirtualHost *:80> # comment\n</VirtualHost>\n", "<VirtualHost \\\n*:80>\n</VirtualHost>\n",
	} {
		host := webserver.VirtualHost{Names: []string{"x"}, File: "f", Line: 1}
		if site, err := host.Site(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, site)
		}
	}
}

// TestCaddyFindsSiteBlocks reads the output of a real caddy adapt.
func TestCaddyFindsSiteBlocks(t *testing.T) {
	text := read(t, "Caddyfile")
	sites, err := webserver.Caddy([]byte(read(t, "caddy.json")), "Caddyfile", text)
	if err != nil || len(sites) != 3 {
		t.Fatalf("%+v, %v", sites, err)
	}
	for i, want := range []struct {
		root, host string
		taken      bool
	}{{"", "example.test", false}, {"/var/www/html", "live.example.test", true}, {"/srv/other", "", false}} {
		site := sites[i]
		_, taken := site.Find("/ws")
		serves := want.host == "" && len(site.Names) == 0 || site.Serves(want.host)
		if site.Root != want.root || !serves || taken != want.taken || !strings.HasPrefix(text[site.Insert-1:], "{\n\t") {
			t.Errorf("site %d: %+v, want %+v", i, site, want)
		}
	}
}

func TestCaddyRejectsWhatItCannotParse(t *testing.T) {
	for _, text := range []string{
		"example.test\nrespond hi\n", "example.test {\n", "}\n", "example.test { respond hi }\n", "a {\n b \"x\n}\n",
		"a {\n respond <<END\n }\n END\n}\n",
	} {
		if sites, err := webserver.Caddy([]byte("{}"), "Caddyfile", text); err == nil {
			t.Errorf("%q: %+v, want an error", text, sites)
		}
	}
}

func TestFindIgnoresOtherPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/ws": true, "/ws/": true, "/ws*": true, "/ws/*": true, "/ws/events": true,
		"/": false, "/wsop": false, "/w": false, `\.php$`: false, "/wsop-2026/": false,
	} {
		site := webserver.Site{Paths: []webserver.Path{{Path: path}}}
		if _, got := site.Find("/ws"); got != want {
			t.Errorf("a rule for %s: %t, want %t", path, got, want)
		}
	}
}

func TestServesMatchesNamesAsServersDo(t *testing.T) {
	for name, want := range map[string]bool{
		"www.example.com": true, "WWW.example.COM": true, "*.example.com": true, ".example.com": true,
		"www.example.*": true, "example.com": false, "_": false, "": false, "~^www": false, "*.com.example": false,
	} {
		if got := (webserver.Site{Names: []string{name}}).Serves("www.example.com"); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}
