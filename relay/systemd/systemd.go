// Package systemd speaks with the service manager that has started the process, where one has: sd_notify(3),
// sd_watchdog_enabled(3) and sd_listen_fds(3). Where none has, it does nothing.
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready says that the service is up. From then on the manager's watchdog counts.
func Ready() { daemon.SdNotify(false, daemon.SdNotifyReady) }

// Stopping says that the service is on its way down.
func Stopping() { daemon.SdNotify(false, daemon.SdNotifyStopping) }

// KeepWatchdog tells the manager's watchdog (WatchdogSec=) that the service is alive, as long as alive returns ever newer
// times, until ctx ends. What returns them must be the work itself, once a second at least.
func KeepWatchdog(ctx context.Context, alive func() time.Time, logger *slog.Logger) {
	timeout, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("the service manager's watchdog is not understood", "error", err)
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

// files are the sockets that the manager has opened, whose environment counts once. They stay open.
var files = sync.OnceValue(func() []*os.File { return activation.Files(true) })

// Sockets returns the listeners that the manager has opened (socket units), by their FileDescriptorName=: "admin" is the one
// for operators, and one of any other name is for browsers, as "public". When they are closed it may be called again: who
// connects in between waits.
func Sockets() (map[string]net.Listener, error) {
	sockets := make(map[string]net.Listener)
	for _, file := range files() {
		name := "public"
		if file.Name() == "admin" {
			name = "admin"
		}
		listener, err := net.FileListener(file)
		if err != nil || sockets[name] != nil {
			return nil, fmt.Errorf("sockets from the service manager: want at most one stream socket named \"public\" (FileDescriptorName=) and one named \"admin\"")
		}
		sockets[name] = listener
	}
	return sockets, nil
}
