//go:build linux

package integration_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

// TestUpgradeFromNodeServer runs the commands of upgrading.md, with a Node server on the port.
func TestUpgradeFromNodeServer(t *testing.T) {
	t.Parallel()
	lookPath(t, "lsof")
	address := enginetest.FreePort(t)
	_, port, _ := strings.Cut(address, ":")
	startNodeServer(t, port)
	s := newSite(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "wordpress-websocket-server", "server.js"), "")
	script := strings.NewReplacer("/var/www/html", s.root, "tcp:8080", "tcp:"+port, "localhost:8080", address,
		"http://www.example.com", "http://127.0.0.1:1").Replace(upgradeScript(t, s.file))
	ctx, cancel := context.WithTimeout(t.Context(), 2*testwait.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", "exec >out 2>log\n"+script)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binaryPath)+":"+os.Getenv("PATH"), "WPRE_RELAY_STATE_DIR="+s.state,
		"WPRE_RELAY_ADMIN_LISTEN=127.0.0.1:0", "WPRE_RELAY_LISTEN="+address)
	err := cmd.Run()
	out, _ := os.ReadFile(filepath.Join(dir, "out"))
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || !strings.Contains(string(out), `{"timestamp":7}`) {
		t.Errorf("%v\n%s\n%s\n%s", err, script, out, log)
	}
	if _, err := os.Stat(filepath.Join(dir, "wordpress-websocket-server")); err == nil {
		t.Error("the directory of the Node server still exists")
	}
}

// startNodeServer starts a Node server and waits until it listens.
func startNodeServer(t *testing.T, port string) {
	t.Helper()
	const program = `require("http").createServer().listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))`
	cmd := exec.Command(lookPath(t, "node"), "-e", program, port)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}

// upgradeScript returns the commands of the document as a script. A person waits between two commands; the script
// waits for the condition instead. It writes an event while tail runs, interrupts tail when that has printed the
// event, and then interrupts the relay.
func upgradeScript(t *testing.T, eventFile string) string {
	t.Helper()
	var script strings.Builder
	for _, command := range commandsIn(t, "scripts/docs/migrating.md") {
		switch {
		case strings.HasPrefix(command, "kill"):
			command += "; while lsof -ti tcp:8080 -s tcp:listen; do sleep 0.01; done"
		case strings.HasPrefix(command, "wpre-relay --watch"):
			command += " until wpre-relay healthcheck; do sleep 0.01; done"
		case strings.HasPrefix(command, "wpre-relay check"):
			command += " || [ $? = 1 ]"
		case strings.HasPrefix(command, "wpre-relay tail"):
			command = "(" + command + ` & tail=$!
				until grep -q '"connected"' log; do sleep 0.01; done
				printf '{"timestamp":7}' >` + eventFile + `
				until grep -q '"timestamp":7' out; do sleep 0.01; done
				kill -INT $tail)`
		}
		script.WriteString(command + "\n")
	}
	return script.String() + "kill -INT %1; wait\n"
}
