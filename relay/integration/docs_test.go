//go:build linux

package integration_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog/enginetest"
)

// elsewhere are the commands of the documents that this test does not run, and what does.
var elsewhere = map[string]string{
	"go run . demo":                    "TestTheDemoShowsEvents",
	"scripts/test.sh":                  "it runs this",
	"go build -o":                      "program",
	"docker compose":                   "scripts/container.sh, with podman in its place",
	"wpre-relay bench":                 "TestBenchMeasuresAnyServer",
	"openssl rand -hex 32 > secret":    "its result is made here",
	`kill "$(lsof`:                     "TestUpgradingFromTheNodeServer",
	"rm -r websocket-server":           "TestUpgradingFromTheNodeServer",
	"wpre-relay tail \"ws://localhost": "TestWhoMayListenAndSeesWhat",
}

var blocks = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// documents returns the paths of the README and the documents, relative to the repository's root.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(fromRoot("scripts/docs/*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	paths := []string{"README.md"}
	for _, file := range files {
		paths = append(paths, "scripts/docs/"+filepath.Base(file))
	}
	return paths
}

// commandsOf returns the commands that a document shows, each in one line.
func commandsOf(t *testing.T, path string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(fromRoot(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks.FindAllStringSubmatch(string(text), -1) {
		joined := strings.ReplaceAll(block[1], "\\\n", " ")
		for line := range strings.Lines(joined) {
			command, _, _ := strings.Cut(strings.TrimSpace(line), "  #")
			if command = strings.TrimSpace(command); command != "" {
				commands = append(commands, command)
			}
		}
	}
	return commands
}

// TestTheDocumentsCommandsRun runs each command of the README and the documents as it stands there, but for the places that it
// names: the site, the host and the ports are others here.
func TestTheDocumentsCommandsRun(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	p := s.start()
	s.write(1)
	front := newFront(t, p.address, throughNginx)
	broker := enginetest.Redis(t).Address
	for _, document := range documents(t) {
		for _, command := range commandsOf(t, document) {
			if runsElsewhere(command) {
				continue
			}
			t.Run(document+"/"+command, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
					t.Fatal(err)
				}
				replaced := strings.NewReplacer("/var/www/html", newSite(t).root, "www.example.com", "www.example.test", "http://www.example.test", "https://www.example.test",
					"10.0.0.5:6379", broker, "localhost:8080", p.address, "127.0.0.1:8080", "127.0.0.1:0", " &", "").Replace(command)
				ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
				defer cancel()
				run := exec.CommandContext(ctx, "bash", "-c", "exec "+replaced)
				run.Dir = dir
				run.Env = append(os.Environ(), front.env...)
				run.Env = append(run.Env, "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"), "WPRE_RELAY_STATE_DIR="+dir, "WPRE_RELAY_ADMIN_LISTEN=127.0.0.1:0", "WPRE_RELAY_IDLE=1s")
				if !strings.Contains(replaced, "--listen") {
					run.Env = append(run.Env, "WPRE_RELAY_LISTEN=127.0.0.1:0")
				}
				goesOn := regexp.MustCompile(`^wpre-relay (--watch|--broker|--publish-token|tail)`).MatchString(replaced)
				if !goesOn {
					text, err := run.CombinedOutput()
					if code := run.ProcessState.ExitCode(); code != 0 && !(strings.Contains(replaced, " check ") && code == 1) {
						t.Errorf("%v\n%s", err, text)
					}
					return
				}
				says, err := run.StderrPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := run.Start(); err != nil {
					t.Fatal(err)
				}
				var said strings.Builder
				for lines := bufio.NewScanner(says); lines.Scan(); {
					said.WriteString(lines.Text() + "\n")
					if strings.Contains(lines.Text(), "browsers connect here") || strings.Contains(lines.Text(), `"connected"`) {
						run.Process.Signal(os.Interrupt)
					}
				}
				if err := run.Wait(); err != nil {
					t.Errorf("%v\n%s", err, said.String())
				}
			})
		}
	}
}

func runsElsewhere(command string) bool {
	for prefix := range elsewhere {
		if strings.HasPrefix(command, prefix) {
			return true
		}
	}
	return false
}

// TestWhatTheDocumentsSayToPasteIsWhatCheckSays compares the web servers' lines, which TestWhatCheckSaysToPasteWorks tries.
func TestWhatTheDocumentsSayToPasteIsWhatCheckSays(t *testing.T) {
	text, err := os.ReadFile(fromRoot("scripts/docs/proxies.md"))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(fromRoot("testdata/check/proxy-no-upgrade.golden"))
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]bool)
	for line := range strings.Lines(strings.ReplaceAll(string(golden), "/bare", "/ws")) {
		lines[strings.TrimSpace(line)] = true
	}
	for _, language := range []string{"nginx", "apache", "caddy"} {
		block := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(string(text))
		if block == nil {
			t.Fatalf("no lines for %s", language)
		}
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if !lines[line] && !strings.Contains(line, "realtime-events") && line != "Require all denied" && line != "</Location>" {
				t.Errorf("%s: check does not say %q", language, line)
			}
		}
	}
}

// TestUpgradingFromTheNodeServer takes its port over, by the lines of the document.
func TestUpgradingFromTheNodeServer(t *testing.T) {
	for _, need := range []string{"node", "lsof"} {
		if _, err := exec.LookPath(need); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("SKIPPED: ", err)
		}
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	address := enginetest.FreePort(t)
	_, port, _ := strings.Cut(address, ":")
	old := exec.Command("node", "-e", `require("http").createServer().listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))`, port)
	said, err := old.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { old.Process.Kill(); old.Wait() })
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "websocket-server"), 0o755); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, command := range commandsOf(t, "scripts/docs/upgrading.md") {
		switch {
		case strings.HasPrefix(command, "kill"): // who types this is slower than the server's end
			command += "; while lsof -ti tcp:8080 -s tcp:listen; do sleep 0.01; done"
		case strings.HasPrefix(command, "wpre-relay --watch"):
			command += " until wpre-relay healthcheck; do sleep 0.01; done"
		case strings.HasPrefix(command, "wpre-relay check"):
			command += " || [ $? = 1 ]"
		case strings.HasPrefix(command, "wpre-relay tail"):
			command = "(" + command + ` & tail=$!; until grep -q '"connected"' log; do sleep 0.01; done; printf '{"timestamp":7}' >` + s.file + `; until grep -q '"timestamp":7' out; do sleep 0.01; done; kill -INT $tail)`
		}
		script.WriteString(command + "\n")
	}
	script.WriteString("kill -INT %1; wait\n")
	replaced := strings.NewReplacer("/var/www/html", s.root, "tcp:8080", "tcp:"+port, "localhost:8080", address, "http://www.example.com", "http://127.0.0.1:1").Replace(script.String())
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	run := exec.CommandContext(ctx, "bash", "-ec", "exec >out 2>log\n"+replaced)
	run.Dir, run.WaitDelay = dir, time.Second
	run.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"), "WPRE_RELAY_STATE_DIR="+s.state, "WPRE_RELAY_ADMIN_LISTEN=127.0.0.1:0", "WPRE_RELAY_LISTEN="+address)
	err = run.Run()
	out, _ := os.ReadFile(filepath.Join(dir, "out"))
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || !strings.Contains(string(out), `{"timestamp":7}`) {
		t.Errorf("%v\n%s\n%s\n%s", err, replaced, out, log)
	}
	if _, err := os.Stat(filepath.Join(dir, "websocket-server")); err == nil {
		t.Error("the old server's folder is still there")
	}
}

// TestTheDocumentsLinksLead wants them to lead somewhere, as far as that is in the repository.
func TestTheDocumentsLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	for _, document := range documents(t) {
		text, err := os.ReadFile(fromRoot(document))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			target := filepath.Join(filepath.Dir(document), strings.Join(strings.Fields(match[1]), ""))
			if _, err := os.Stat(fromRoot(target)); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}
