//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// helperVariable makes the test binary run a helper instead of the tests. Its value is the helper's name and
// arguments.
const helperVariable = "WPRE_TEST_HELPER"

// helpers are the programs that benchmarks and flood tests run beside the relay. Each is a separate process, so that
// it has its own scheduling priority and its own limit of open files.
var helpers = map[string]func(args []string) error{
	"baseline": runBaseline,
	"flood":    runFlood,
	"swarm":    runSwarm,
	"hangfs":   runHangFS,
	"occupy":   runOccupy,
	"resume":   runResume,

	"systemctl": runSystemctl,
}

func runHelper(order string) error {
	fields := strings.Fields(order)
	helper, ok := helpers[fields[0]]
	if !ok {
		return fmt.Errorf("no helper %q", fields[0])
	}
	return helper(fields[1:])
}

// helper returns a call of a helper.
func helper(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+strings.Join(append([]string{name}, args...), " "))
	cmd.Stderr = os.Stderr
	return cmd
}
