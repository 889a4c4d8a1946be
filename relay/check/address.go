package check

import (
	"net"
	"net/url"
	"strings"

	"wpre-relay/relay/security/origin"
)

// defaultPorts are the ports that browsers leave out of an address.
var defaultPorts = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}

// asBrowser returns the address in the spelling of browsers: the host in lower case and in punycode, without the
// default port, and with a path.
func asBrowser(address *url.URL) *url.URL {
	same := *address
	name := strings.ToLower(same.Hostname())
	if ascii, err := origin.ASCIIName(name); err == nil {
		name = ascii
	}
	switch port := same.Port(); {
	case port != "" && port != defaultPorts[same.Scheme]:
		same.Host = net.JoinHostPort(name, port)
	case strings.Contains(name, ":"):
		same.Host = "[" + name + "]"
	default:
		same.Host = name
	}
	same.Path = "/" + strings.TrimPrefix(same.Path, "/")
	return &same
}
