package eventlog

import (
	"os"
	"strings"
)

// bootID returns an identifier of the system's current boot (random(4)), or "" if it is not available.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}
