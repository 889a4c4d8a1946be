package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

func lookAtPorts(ctx context.Context, opts Options) []Finding {
	var findings []Finding
	for _, port := range []struct{ flag, address string }{{"--listen", opts.Listen}, {"--admin-listen", opts.AdminListen}} {
		if port.address != "" && port.address != "off" {
			findings = append(findings, lookAtPort(ctx, port.flag, port.address))
		}
	}
	return findings
}

// lookAtPort tries to listen, and says who does if that fails.
func lookAtPort(ctx context.Context, flag, address string) Finding {
	finding := Finding{Check: "port", Level: OK, Text: fmt.Sprintf("%s is free (%s)", address, flag)}
	listener, err := net.Listen("tcp", address)
	if err == nil {
		listener.Close()
		return finding
	}
	finding.Level = Fail
	if !errors.Is(err, syscall.EADDRINUSE) {
		finding.Text = fmt.Sprintf("%s cannot be listened at (%s): %v", address, flag, err)
		finding.Fix = "Give " + flag + " an address of this machine, and a port of 1024 or more unless the relay may have a lower one."
		return finding
	}
	who := listens(address)
	if Live(ctx, address) == nil && who.isRelay() {
		finding.Level, finding.Text = OK, fmt.Sprintf("the relay is at %s (%s)", address, flag)
		return finding
	}
	finding.Text = fmt.Sprintf("%s is taken by %s (%s)", address, who, flag)
	finding.Fix = "Stop that (the recipe's Node server?), or have the relay listen elsewhere and say so in wp-config.php."
	finding.Paste = []Snip{{"For the command line", flag + " :8090"}}
	return finding
}

// listener is a program that listens.
type listener struct {
	pid  int // 0 if it cannot be known
	name string
}

func (l listener) String() string {
	if l.pid == 0 {
		return "another program, which only root can name"
	}
	return fmt.Sprintf("%s (process %d)", l.name, l.pid)
}

// isRelay reports whether that is a relay, or can be one.
func (l listener) isRelay() bool { return l.pid == 0 || l.name == "wpre-relay" }
