//go:build linux

package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInvalidAddressCreatesNoState starts relays with addresses that have no port.
func TestInvalidAddressCreatesNoState(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--listen", "--admin-listen"} {
		state := filepath.Join(t.TempDir(), "state")
		text, status := run(t, command(t, "--watch", t.TempDir(), "--state-dir", state, flag, "8080"))
		if _, err := os.Stat(state); status != 2 || err == nil || strings.Contains(text, "history opened") {
			t.Errorf("%s: exit status %d, state %v, want 2 and none:\n%s", flag, status, err, text)
		}
	}
}

// TestUnreachableRelayIsReportedInOneLine connects tail to addresses where no relay listens.
func TestUnreachableRelayIsReportedInOneLine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:1", "ws://127.0.0.1:1/ws", "ws://[::1]:1"} {
		text, status := run(t, command(t, "tail", address))
		if status != 1 || strings.Count(text, "\n") != 1 || !strings.Contains(text, "connection refused") {
			t.Errorf("%s: exit status %d, want 1 and one line:\n%s", address, status, text)
		}
	}
}

// TestTailEndsOnSIGTERMWithoutRetry ends tail while it is connected, and while it waits to connect again.
func TestTailEndsOnSIGTERMWithoutRetry(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		r := newSite(t).start()
		tail := spawn(t, command(t, "tail", r.address, "--log-format", "json"))
		tail.logged("connected", "url")
		if lost {
			r.kill()
			tail.logged("connect failed, retrying", "error")
		}
		status := tail.stop(syscall.SIGTERM)
		log := tail.log.String()
		if status != 0 || strings.Contains(log, "canceled") || !lost && strings.Contains(log, "retrying") {
			t.Errorf("relay lost %v: exit status %d, log:\n%s", lost, status, log)
		}
	}
}

// TestHealthcheckNamesMissingProxyProtocol asks a relay that requires the PROXY protocol from this machine.
func TestHealthcheckNamesMissingProxyProtocol(t *testing.T) {
	t.Parallel()
	r := newSite(t).start("--proxy-protocol", "--trusted-proxy", "127.0.0.1")
	text, status := run(t, command(t, "healthcheck", "--listen", r.address))
	if status != 1 || !strings.Contains(text, "--proxy-protocol") {
		t.Errorf("exit status %d, want 1 and --proxy-protocol:\n%s", status, text)
	}
}
