//go:build linux

package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// documentedLines returns the lines that proxies.md shows for each web server and for the options of Caddy, with this
// address of the relay.
func documentedLines(t *testing.T, relay string) map[string]string {
	t.Helper()
	text := readDocument(t, "scripts/docs/proxies.md")
	lines := make(map[string]string)
	languages := map[string]string{"nginx": "nginx", "Apache": "apache", "Caddy": "caddy", "Traefik": "yaml"}
	for name, language := range languages {
		blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1)
		if len(blocks) == 0 {
			t.Fatalf("no lines for %s", name)
		}
		lines[name] = strings.ReplaceAll(blocks[0][1], "127.0.0.1:8080", relay)
		if len(blocks) > 1 {
			lines[name+" options"] = blocks[1][1]
		}
	}
	return lines
}

// TestPastedLinesWork puts the lines that check and proxies.md show into web servers. Behind each, check then finds no
// fault, and the site keeps its own paths.
func TestPastedLinesWork(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	root := newStaticSite(t)
	for path, paste := range map[string]map[string]string{
		"/bare": pastedLines(t, r),
		"/ws":   documentedLines(t, r.address),
	} {
		for name, server := range pasteServers {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				address := server.startWith(t, t.TempDir(), root, name, paste)
				expectPaths(t, "http://"+address, path)
				expectNoFault(t, address, path)
			})
		}
	}
}

// expectNoFault expects that check finds no fault of a proxy.
func expectNoFault(t *testing.T, address, path string) {
	t.Helper()
	text, status := run(t, command(t, "check", "--site", "http://"+address, "--url", "ws://"+address+path,
		"--idle", "1s", "--listen", "off", "--admin-listen", "off"))
	for _, want := range []string{"OK    connection:", "OK    origin:", "OK    transports:", "OK    idle:",
		"OK    event file:"} {
		if !strings.Contains(text, want) {
			t.Errorf("exit status %d, no %s:\n%s", status, want, text)
		}
	}
}

// expectPaths expects that path and everything below it belongs to the relay, and that all else belongs to the site.
func expectPaths(t *testing.T, site, path string) {
	t.Helper()
	const clientCode = "new WebSocket("
	for _, tc := range []struct {
		path   string
		status int
		text   string
	}{
		{path, http.StatusUpgradeRequired, ""},
		{path + "/", http.StatusUpgradeRequired, ""},
		{path + "/client.js", http.StatusOK, clientCode},
		{path + "/client.mjs", http.StatusOK, clientCode},
		{path + "/history", http.StatusOK, ""},
		{path + "op-2026/", http.StatusOK, "a page of the site"},
		{path + ".js", http.StatusOK, "a script of the site"},
		{"/", http.StatusOK, "a site"},
		{eventsDir + "/latest_event.json", http.StatusForbidden, ""},
	} {
		response, err := http.Get(site + tc.path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != tc.status || !strings.Contains(string(text), tc.text) {
			t.Errorf("%s: %d %.100q, want %d and %q", tc.path, response.StatusCode, text, tc.status, tc.text)
		}
	}
}

// TestTraefikRulesMatchPaths checks the syntax of the lines for Traefik: labels and a rule, in the grammar of Go's
// expressions. It evaluates the rule.
func TestTraefikRulesMatchPaths(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	label := regexp.MustCompile(`^traefik\.(enable|http\.(routers\.wpre-relay\.(rule|tls|observability\.accesslogs)|` +
		`services\.wpre-relay\.loadbalancer\.server\.port))$`)
	ofCheck := strings.ReplaceAll(strings.TrimSpace(pastedLines(t, r)["Traefik labels"]), "\n", "\n  ")
	for path, lines := range map[string]string{
		"/bare": "labels:\n  " + ofCheck,
		"/ws":   documentedLines(t, r.address)["Traefik"],
	} {
		var file struct {
			Labels map[string]string
		}
		if err := yaml.Unmarshal([]byte(lines), &file); err != nil {
			t.Fatalf("%v\n%s", err, lines)
		}
		for name := range file.Labels {
			if !label.MatchString(name) {
				t.Errorf("unknown label %s", name)
			}
		}
		rule, err := parser.ParseExpr(file.Labels["traefik.http.routers.wpre-relay.rule"])
		if err != nil {
			t.Fatalf("%v\n%s", err, lines)
		}
		for suffix, want := range map[string]bool{"": true, "/": true, "/client.js": true, "op-2026/": false, ".js": false} {
			if got := matches(t, rule, path+suffix); got != want {
				t.Errorf("%s%s: matches %v, want %v", path, suffix, got, want)
			}
		}
	}
}

// matches evaluates a rule of Traefik for a path of www.example.com.
func matches(t *testing.T, rule ast.Expr, path string) bool {
	t.Helper()
	switch rule := rule.(type) {
	case *ast.ParenExpr:
		return matches(t, rule.X, path)
	case *ast.BinaryExpr:
		if rule.Op == token.LAND {
			return matches(t, rule.X, path) && matches(t, rule.Y, path)
		}
		return matches(t, rule.X, path) || matches(t, rule.Y, path)
	case *ast.CallExpr:
		argument, err := strconv.Unquote(rule.Args[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		switch rule.Fun.(*ast.Ident).Name {
		case "Host":
			return argument == "www.example.com"
		case "Path":
			return path == argument
		case "PathPrefix":
			return strings.HasPrefix(path, argument)
		}
	}
	t.Fatalf("%T is no part of a rule", rule)
	return false
}
