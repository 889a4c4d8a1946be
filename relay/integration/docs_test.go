//go:build linux

package integration_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

// skippedCommands are the beginnings of the commands that TestDocumentedCommandsRun skips, with the reason or the
// test that covers them.
var skippedCommands = map[string]string{
	"go run . demo":                    "TestDemoPrintsEvents",
	"scripts/test.sh":                  "runs this test",
	"go build -o":                      "TestMain",
	"docker compose":                   "scripts/container.sh, with podman",
	"wpre-relay bench":                 "TestBenchMeasuresAnyServer",
	"openssl rand -hex 32 > secret":    "the test writes this file",
	`kill "$(lsof`:                     "TestUpgradeFromNodeServer",
	"rm -r wordpress-websocket-server": "TestUpgradeFromNodeServer",
	"wpre-relay tail \"ws://localhost": "TestFilterAppliesToLiveResumeAndHistory",
	"curl -H \"Authorization":          "TestPublishWithoutEventFile",
	"wpre-relay up":                    "TestUpProvesEventAndDownRestoresTree",
	"wpre-relay check --fix":           "TestCheckFixAppliesOneStepAtATime",
	"wpre-relay down":                  "TestUpProvesEventAndDownRestoresTree",
	"ssh -L":                           "needs a second machine",
	"runuser -u www-data":              "needs root; scripts/e2e.sh lets PHP read such a file",
}

// documentPaths returns the paths of the README and the documents, relative to the root of the repository.
func documentPaths(t *testing.T) []string {
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

// readDocument returns the text of a file that is given relative to the root of the repository.
func readDocument(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(fromRoot(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commandsIn returns the commands that a document shows in blocks of sh, each in one line.
func commandsIn(t *testing.T, path string) (commands []string) {
	t.Helper()
	block := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	for _, match := range block.FindAllStringSubmatch(readDocument(t, path), -1) {
		for line := range strings.Lines(strings.ReplaceAll(match[1], "\\\n", " ")) {
			command, _, _ := strings.Cut(strings.TrimSpace(line), "  #")
			if command = strings.TrimSpace(command); command != "" {
				commands = append(commands, command)
			}
		}
	}
	return commands
}

func isSkipped(command string) bool {
	for prefix := range skippedCommands {
		if strings.HasPrefix(command, prefix) {
			return true
		}
	}
	return false
}

// harmless matches the documented commands that work on the files and ports of the test alone.
var harmless = regexp.MustCompile(`^(WPRE_RELAY_\w+=\S+ *)?((wpre-relay|curl) [^;|&>$]*)?&?$`)

// skipOutsideCI skips a command that could change this machine if the test did not replace a path of the system in it.
// CI=true says that the machine may be changed, so that no command is skipped.
func skipOutsideCI(t *testing.T, command string) {
	t.Helper()
	if os.Getenv("CI") != "true" && !harmless.MatchString(command) {
		t.Skipf("SKIPPED: %s: it may change this machine; set CI=true to run it", command)
	}
}

// TestDocumentedCommandsRun runs each command of the README and the documents, in CI. Elsewhere it runs the commands
// that cannot change the machine. It replaces only the site, the hosts and the ports that they name.
func TestDocumentedCommandsRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	s.write(1)
	broker := enginetest.Redis(t).Address
	environment := append(os.Environ(), startNginx(t, r.address)...)
	environment = append(environment, "PATH="+filepath.Dir(binaryPath)+":"+installSystemctl(t)+":"+os.Getenv("PATH"),
		"WPRE_RELAY_ADMIN_LISTEN=127.0.0.1:0", "WPRE_RELAY_IDLE=1s")
	for _, document := range documentPaths(t) {
		for _, command := range commandsIn(t, document) {
			if isSkipped(command) {
				continue
			}
			t.Run(document+"/"+command, func(t *testing.T) {
				skipOutsideCI(t, command)
				places := strings.NewReplacer("/var/www/html", newSite(t).root, "/etc/wpre-relay", t.TempDir(),
					"--key-group www-data", "--key-group "+currentGroup(t),
					"www.example.com", "www.example.test", "http://www.example.test", "https://www.example.test",
					"10.0.0.5:6379", broker, "localhost:8080", r.address, "127.0.0.1:8080", "127.0.0.1:0", " &", "",
					"wpre-relay healthcheck", "wpre-relay healthcheck --listen "+r.address, "scripts/deploy/", deployPath(t)+"/")
				runDocumented(t, places.Replace(command), environment)
			})
		}
	}
}

// currentGroup returns the name of this process's group.
func currentGroup(t *testing.T) string {
	t.Helper()
	group, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatal(err)
	}
	return group.Name
}

// deployPath returns the absolute path of scripts/deploy.
func deployPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(fromRoot("scripts/deploy"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// installSystemctl returns a directory with a stand-in for systemctl. It accepts the verbs that the documents use,
// and only names of units in scripts/deploy.
func installSystemctl(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "systemctl")
	writeFile(t, path, `#!/bin/sh
for word in "$@"; do
	case $word in
	daemon-reload | enable | --now | start | stop | restart) ;;
	*.socket) [ -f "`+deployPath(t)+`/$word" ] || exit 1 ;;
	*) [ -f "`+deployPath(t)+`/$word.service" ] || exit 1 ;;
	esac
done
`)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serving matches the commands that run until they are interrupted.
var serving = regexp.MustCompile(`^wpre-relay (--watch|--broker|--publish-token|tail)`)

// runDocumented runs a command in a temporary directory, which contains the file secret and replaces the directories
// of the system. It interrupts a command that serves when that is ready. Check may exit with 1, because the site is
// not a complete WordPress.
func runDocumented(t *testing.T, command string, environment []string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "secret"), strings.Repeat("0123456789abcdef", 4))
	writeFile(t, filepath.Join(dir, "forward-url"), "https://user:password@www.example.test/wp-json/site/v1/message\n")
	writeFile(t, filepath.Join(dir, "wpre-relay"), "")
	writeFile(t, filepath.Join(dir, "wpre-relay.old"), "")
	command = strings.NewReplacer("/usr/local/bin/", dir+"/", "/etc/systemd/system/", dir+"/").Replace(command)
	ctx, cancel := context.WithTimeout(t.Context(), 2*testwait.Limit)
	defer cancel()
	variable, command := cutVariable(command)
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+command)
	cmd.Dir, cmd.Env = dir, append(environment, "WPRE_RELAY_STATE_DIR="+dir, variable)
	if !strings.Contains(command, "--listen") {
		cmd.Env = append(cmd.Env, "WPRE_RELAY_LISTEN=127.0.0.1:0")
	}
	if serving.MatchString(command) {
		interruptWhenReady(t, cmd)
		return
	}
	text, err := cmd.CombinedOutput()
	status := cmd.ProcessState.ExitCode()
	if status != 0 && (status != 1 || !strings.Contains(command, " check ")) {
		t.Errorf("%v\n%s", err, text)
	}
}

// cutVariable splits a command into the variable that it begins with, if there is one, and the rest.
func cutVariable(command string) (variable, rest string) {
	if first, rest, _ := strings.Cut(command, " "); strings.HasPrefix(first, "WPRE_RELAY_") {
		return first, rest
	}
	return "X=", command
}

// interruptWhenReady runs a command, interrupts it when its log shows that it serves or is connected, and expects
// exit status 0.
func interruptWhenReady(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), `"listening"`) || strings.Contains(lines.Text(), `"connected"`) {
			cmd.Process.Signal(os.Interrupt)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
}
