//go:build linux

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestPastedSettingsWork adds the settings that check shows for proxies that cut, buffer or cache to the documented
// lines. Behind each web server, check then finds no fault.
func TestPastedSettingsWork(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	tls := startNginx(t, r.address)
	plain := startTransports(t, r.address)
	var settings []finding
	for url, idle := range map[string]string{
		"wss://www.example.test/hasty": "5s", "ws://" + plain + "/buffered": "0", "ws://" + plain + "/cached": "0",
	} {
		cmd := command(t, "check", "--json", "--listen", "off", "--admin-listen", "off", "--url", url, "--idle", idle)
		cmd.Env = append(cmd.Env, tls...)
		out, _ := cmd.Output() // exits with 1
		var findings []finding
		if err := json.Unmarshal(out, &findings); err != nil {
			t.Fatal(err)
		}
		settings = append(settings, findings...)
	}
	root := newStaticSite(t)
	for name, server := range pasteServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			paste := documentedLines(t, r.address)
			if added := addSettings(t, paste, name, settings); added < 2 {
				t.Fatalf("%d settings, want those for idle connections and for buffers", added)
			}
			address := server.startWith(t, t.TempDir(), root, name, paste)
			expectPaths(t, "http://"+address, "/ws")
			expectNoFault(t, address, "/ws")
		})
	}
}

// addSettings puts the settings for a web server at the places that check names. It returns the number of settings.
func addSettings(t *testing.T, paste map[string]string, name string, findings []finding) (added int) {
	t.Helper()
	for _, f := range findings {
		for _, p := range f.Paste {
			where, ok := strings.CutPrefix(p.Where, "For "+name+", ")
			if !ok {
				continue
			}
			added++
			first, rest, _ := strings.Cut(p.Lines, "\n")
			switch where {
			case "beside proxy_pass":
				directive, _, _ := strings.Cut(first, " ")
				paste[name] = withoutLine(paste[name], "    "+directive+" ")
				paste[name] = strings.Replace(paste[name], "    proxy_pass ", p.Lines+"\n    proxy_pass ", 1)
			case "after the address in ProxyPass":
				paste[name] = strings.Replace(paste[name], " timeout=75", " "+p.Lines, 1)
			case "after the address in ProxyPass, and below it":
				paste[name] = strings.Replace(paste[name], " timeout=75", " timeout=75 "+first+"\n"+rest, 1)
			case "in the virtual host":
				paste[name] += p.Lines + "\n"
			case "in a block of reverse_proxy":
				paste[name] = strings.Replace(paste[name], "\n}", " {\n"+p.Lines+"\n}\n}", 1)
			case "in the global options, if timeouts are set there":
				paste[name+" options"] += p.Lines + "\n"
			default:
				t.Errorf("unknown place %q", where)
			}
		}
	}
	return added
}

// withoutLine returns text without its lines that have this beginning.
func withoutLine(text, beginning string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, beginning) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
