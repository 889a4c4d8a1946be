// Package systemd implements the service manager's protocols: readiness (sd_notify(3)), watchdog
// (sd_watchdog_enabled(3)) and socket activation (sd_listen_fds(3)). It does nothing if no service manager has
// started the process. It is a separate package, so that only one package reads the manager's environment
// variables.
package systemd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready reports that the service has started. The watchdog runs from then on.
func Ready() { daemon.SdNotify(false, daemon.SdNotifyReady) }

// Stopping reports that the service is stopping.
func Stopping() { daemon.SdNotify(false, daemon.SdNotifyStopping) }

// KeepWatchdog notifies the manager's watchdog (WatchdogSec=) until ctx ends. It notifies only while alive returns
// newer and newer times. The work that is supervised must update that time at least once a second.
func KeepWatchdog(ctx context.Context, alive func() time.Time, logger *slog.Logger) {
	timeout, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("watchdog settings of the service manager are invalid", "error", err)
	}
	if timeout <= 0 {
		return
	}
	tick := time.NewTicker(timeout / 3)
	defer tick.Stop()
	var last time.Time
	for {
		if now := alive(); now.After(last) {
			last = now
			daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// files returns the sockets that the manager has passed. They stay open for the life of the process. The
// environment is read only once, because reading it also removes the variables.
var files = sync.OnceValue(func() []*os.File { return activation.Files(true) })

// errSockets is returned for sockets that cannot be assigned.
var errSockets = errors.New("sockets from the service manager: want at most one stream socket named \"admin\" " +
	"(FileDescriptorName=) and one with any other name")

// Sockets returns listeners for the sockets that the manager has passed (socket units). The key is "admin" for the
// socket with FileDescriptorName=admin, and "public" for a socket with any other name. Sockets may be called again
// after the listeners are closed; connections wait in the kernel's backlog in between.
func Sockets() (map[string]net.Listener, error) {
	sockets := make(map[string]net.Listener)
	for _, file := range files() {
		name := "public"
		if file.Name() == "admin" {
			name = "admin"
		}
		listener, err := net.FileListener(file)
		if err != nil || sockets[name] != nil {
			return nil, errSockets
		}
		sockets[name] = listener
	}
	return sockets, nil
}
