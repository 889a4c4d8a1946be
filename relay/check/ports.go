package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// checkPorts checks whether a relay listens on its addresses, and if not, whether it can.
func checkPorts(ctx context.Context, opts Options) []Finding {
	var findings []Finding
	running := false
	if isSet(opts.Listen) {
		var finding Finding
		finding, running = checkListen(ctx, opts)
		findings = append(findings, finding)
	}
	if isSet(opts.AdminListen) {
		findings = append(findings, checkAdminListen(ctx, opts.AdminListen, running))
	}
	return findings
}

// isSet reports whether the address is set to one that clients can find: the kernel chooses port 0.
func isSet(address string) bool {
	return address != "" && address != "off" && !strings.HasSuffix(address, ":0")
}

// checkListen reports whether a relay serves clients at --listen. Without one it fails, unless the relay may run on
// another machine: checkConnection decides if Options.URL is set, and without an event file only the operator knows.
func checkListen(ctx context.Context, opts Options) (finding Finding, running bool) {
	const flag = "--listen"
	finding, state := checkPort(ctx, flag, opts.Listen, opts.ProxyProtocol)
	if state != portFree {
		return finding, state == portOfRelay
	}
	text := fmt.Sprintf("nothing listens on %s (%s)", opts.Listen, flag)
	switch {
	case opts.URL != nil:
		return skip("relay", text+" on this machine; the check of --url shows whether the relay runs elsewhere"), false
	case opts.File == "":
		return warn("relay", text+" on this machine",
			"If the relay runs elsewhere, set --url to its address. Otherwise start it:", startCommands(opts)...), false
	}
	return fail("relay", "no relay runs: "+text, startRelay, startCommands(opts)...), false
}

// checkAdminListen reports whether the relay uses --admin-listen. running says whether a relay serves clients at
// --listen.
func checkAdminListen(ctx context.Context, address string, running bool) Finding {
	const flag = "--admin-listen"
	finding, state := checkPort(ctx, flag, address, ProxyProtocol{})
	switch {
	case state == portFree && running:
		return warn("port", fmt.Sprintf("a relay runs, but nothing listens on %s (%s)", address, flag),
			"Call check with the settings of that relay.")
	case state == portFree:
		return ok("port", fmt.Sprintf("%s is free (%s)", address, flag))
	}
	return finding
}

// portState is the result of checkPort.
type portState int

const (
	portFree    portState = iota // the finding is the zero value
	portOfRelay                  // a relay listens
	portBlocked                  // another program listens, or the address cannot be used
)

// checkPort looks for a relay at the address, and else tries to listen there. If another program listens, the finding
// names it.
func checkPort(ctx context.Context, flag, address string, proxies ProxyProtocol) (Finding, portState) {
	const check = "port"
	if isRelay(ctx, address, proxies) {
		return ok(check, fmt.Sprintf("the relay listens on %s (%s)", address, flag)), portOfRelay
	}
	listener, err := net.Listen("tcp", address)
	if err == nil {
		listener.Close()
		return Finding{}, portFree
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fail(check, fmt.Sprintf("cannot listen on %s (%s): %v", address, flag, err),
			"Set "+flag+" to an address of this machine. A port below 1024 needs privileges."), portBlocked
	}
	if finding, found := checkProxyProtocol(ctx, flag, address); found {
		return finding, portOfRelay
	}
	owner := findPortOwner(address)
	text := fmt.Sprintf("%s is in use by %s (%s)", address, owner, flag)
	if owner.isRelay() {
		return fail(check, text+", which does not respond at /livez", "Look for the reason in its log."), portBlocked
	}
	return fail(check, text,
		"Stop that program (it may be the recipe's Node server), or use another port and set it in wp-config.php:",
		Snippet{"For the command line", flag + " :8090"}), portBlocked
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

// isRelay reports whether the program has the name of the relay.
func (o portOwner) isRelay() bool { return strings.HasPrefix(o.name, "wpre-relay") }
