//go:build linux

package integration_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"wpre-relay/relay/testwait"
)

// The units of the sandbox: where their process ids are, and how a web server reloads.
var (
	sandboxPIDs = map[string]string{"nginx": "/run/nginx.pid", "apache2": "/run/apache2/apache2.pid",
		"caddy": "/run/caddy.pid", "wpre-relay.service": "/run/wpre-relay.pid"}
	sandboxReloads = map[string][]string{"nginx": {"nginx", "-s", "reload"}, "apache2": {"apachectl", "graceful"},
		"caddy": {"caddy", "reload", "--config", "/etc/caddy/Caddyfile"}}
)

const (
	sandboxUnit  = "/etc/systemd/system/wpre-relay.service"
	sandboxWants = "/etc/systemd/system/multi-user.target.wants/wpre-relay.service"
)

// runSystemctl is the systemctl of a sandbox, in which no systemd runs. A file /run/fail-VERB makes the verb fail once,
// and /run/hang-VERB makes it hang.
func runSystemctl(args []string) error {
	verb, unit := args[0], args[len(args)-1]
	if err := os.Remove("/run/fail-" + verb); err == nil {
		return fmt.Errorf("systemctl %s fails as the test wants", verb)
	}
	if _, err := os.Stat("/run/hang-" + verb); err == nil {
		os.WriteFile("/run/hanging", nil, 0o644)
		select {}
	}
	switch verb {
	case "is-active":
		if pid := sandboxPID(unit); pid == 0 || syscall.Kill(pid, 0) != nil {
			return fmt.Errorf("%s is not active", unit)
		}
	case "reload":
		if out, err := exec.Command(sandboxReloads[unit][0], sandboxReloads[unit][1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	case "enable":
		if out, err := exec.Command("systemd-analyze", "verify", "--man=no", sandboxUnit).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		os.MkdirAll("/etc/systemd/system/multi-user.target.wants", 0o755)
		return os.Symlink(sandboxUnit, sandboxWants)
	case "disable":
		stopSandboxRelay()
		os.RemoveAll(sandboxWants)
	case "restart":
		stopSandboxRelay()
		return startSandboxRelay()
	}
	return nil
}

// sandboxPID returns the process id of a unit, 0 if there is none.
func sandboxPID(unit string) int {
	text, err := os.ReadFile(sandboxPIDs[unit])
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func stopSandboxRelay() {
	if pid := sandboxPID("wpre-relay.service"); pid > 0 {
		syscall.Kill(pid, syscall.SIGTERM)
		testwait.Until(func() bool { return syscall.Kill(pid, 0) != nil })
	}
	os.Remove(sandboxPIDs["wpre-relay.service"])
}

// startSandboxRelay starts the relay with the settings of its unit, as a user without rights, and returns when it has
// notified that it is ready (sd_notify(3)).
func startSandboxRelay() error {
	const credentials, socket, nobody = "/run/credentials", "/run/notify", 65534
	os.Remove(socket)
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer ready.Close()
	os.Chmod(socket, 0o777)
	os.MkdirAll(credentials, 0o755)
	cmd := exec.Command("setsid", "/usr/local/bin/wpre-relay")
	if cmd.Env, err = sandboxSettings(credentials); err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+socket, "STATE_DIRECTORY=/var/lib/wpre-relay",
		"GORACE="+os.Getenv("GORACE"))
	os.MkdirAll("/var/lib/wpre-relay", 0o700)
	os.Chown("/var/lib/wpre-relay", nobody, nobody)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	log, err := os.Create("/run/wpre-relay.log")
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	os.WriteFile(sandboxPIDs["wpre-relay.service"], []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
	ready.SetReadDeadline(time.Now().Add(testwait.Limit))
	message := make([]byte, 100)
	for {
		n, err := ready.Read(message)
		if err != nil || strings.Contains(string(message[:n]), "READY=1") {
			return err
		}
	}
}

// sandboxSettings returns the environment that the unit sets, and copies its credentials to a directory.
func sandboxSettings(credentials string) (environment []string, err error) {
	for _, file := range []string{sandboxUnit, sandboxUnit + ".d/up.conf"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch value = strings.Trim(value, `"`); name {
			case "Environment":
				environment = append(environment, strings.ReplaceAll(value, "%d", credentials))
			case "LoadCredential":
				name, path, _ := strings.Cut(value, ":")
				secret, err := os.ReadFile(path)
				if err != nil {
					return nil, err
				}
				os.WriteFile(credentials+"/"+name, secret, 0o644)
			}
		}
	}
	return environment, nil
}
