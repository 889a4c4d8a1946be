package eventlog

import (
	"os"
	"strings"
)

// bootID returns what tells this boot of the system from all others (random(4)), "" if that cannot be told.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}
