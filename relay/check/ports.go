package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// checkPorts checks whether the relay can listen on its addresses, or listens there already.
func checkPorts(ctx context.Context, opts Options) []Finding {
	var findings []Finding
	for _, port := range []struct{ flag, address string }{
		{"--listen", opts.Listen}, {"--admin-listen", opts.AdminListen},
	} {
		if port.address != "" && port.address != "off" {
			findings = append(findings, checkPort(ctx, port.flag, port.address))
		}
	}
	return findings
}

// checkPort tries to listen on the address. If it is in use, the finding names the program that listens there.
func checkPort(ctx context.Context, flag, address string) Finding {
	const check = "port"
	listener, err := net.Listen("tcp", address)
	if err == nil {
		listener.Close()
		return ok(check, fmt.Sprintf("%s is free (%s)", address, flag))
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fail(check, fmt.Sprintf("cannot listen on %s (%s): %v", address, flag, err),
			"Set "+flag+" to an address of this machine. A port below 1024 needs privileges.")
	}
	owner := findPortOwner(address)
	if owner.mayBeRelay() && Live(ctx, address) == nil {
		return ok(check, fmt.Sprintf("the relay listens on %s (%s)", address, flag))
	}
	return fail(check, fmt.Sprintf("%s is in use by %s (%s)", address, owner, flag),
		"Stop that program (it may be the recipe's Node server), or use another port and set it in wp-config.php:",
		Snippet{"For the command line", flag + " :8090"})
}

// portOwner is the program that listens on a port.
type portOwner struct {
	pid  int // 0 if it is not known
	name string
}

func (o portOwner) String() string {
	if o.pid == 0 {
		return "another program, which only root can identify"
	}
	return fmt.Sprintf("%s (process %d)", o.name, o.pid)
}

// mayBeRelay reports whether the program is a relay or is not known.
func (o portOwner) mayBeRelay() bool { return o.pid == 0 || o.name == "wpre-relay" }
