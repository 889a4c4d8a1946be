//go:build linux

package integration_test

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/testwait"
)

// parallel is the default of the flag -parallel. It exceeds the two processors of a small machine because most tests
// wait: for processes to start and for timeouts to pass.
const parallel = "4"

// binaryPath is the path of the relay's binary. TestMain builds it.
var binaryPath string

func TestMain(m *testing.M) {
	if order := os.Getenv(helperVariable); order != "" {
		if err := runHelper(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dir, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Set("test.parallel", parallel)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build builds the binary in a temporary directory that every user may read. If the tests run with the race detector,
// so does the binary. With RELAY_RACE_BINARY in the environment it is a link to that instead, a relay with the race
// detector: the tests themselves then need none, which takes a third of the CPU time.
func build() (dir string, err error) {
	dir, err = os.MkdirTemp("", "wpre-relay-test-")
	if err != nil {
		return "", err
	}
	binaryPath = filepath.Join(dir, "wpre-relay")
	if built := os.Getenv("RELAY_RACE_BINARY"); built != "" {
		return dir, errors.Join(os.Link(built, binaryPath), os.Chmod(dir, 0o755))
	}
	args := []string{"build", "-o", binaryPath, fromRoot(".")}
	if hasRaceDetector(debug.ReadBuildInfo()) {
		args = slices.Insert(args, 1, "-race")
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return dir, os.Chmod(dir, 0o755)
}

// raceDetector reports whether the relay runs with the race detector.
func raceDetector(t testing.TB) bool {
	t.Helper()
	info, err := buildinfo.ReadFile(binaryPath)
	if err != nil {
		t.Fatal(err)
	}
	return hasRaceDetector(info, true)
}

func hasRaceDetector(info *debug.BuildInfo, known bool) bool {
	return known && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// fromRoot returns the path of a file that is given relative to the root of the repository.
func fromRoot(path string) string {
	return filepath.Join("..", "..", path)
}

// command returns a call of the binary in an environment without settings of the relay.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binaryPath, args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "WPRE_RELAY_") && !strings.HasPrefix(variable, "STATE_DIRECTORY=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// run runs a command to its end and returns its output, without lines of slowFiles, and exit status.
func run(t testing.TB, cmd *exec.Cmd) (text string, status int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	select {
	case err := <-exited:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(testwait.Limit):
		cmd.Process.Kill()
		<-exited
		t.Fatalf("%v does not exit:\n%s", cmd.Args, out.String())
	}
	return slowFiles.ReplaceAllString(out.String(), ""), cmd.ProcessState.ExitCode()
}

// slowFiles matches the log lines about file operations that take long. A busy disk causes them in any command.
var slowFiles = regexp.MustCompile("(?m)^.*file operation (has not )?returned.*\n")

// runAsNobody runs a command without the rights of root.
func runAsNobody(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// nobody is the number of a user and a group that own no files.
const nobody = 65534

// lookPath returns the path of a program that the test needs. It skips the test if the program is missing; with
// CI=true that is a failure.
func lookPath(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED: ", err)
	}
	return path
}
