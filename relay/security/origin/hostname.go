package origin

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// hostname returns the host in a Host header or a URL, without the port and in one spelling: lower case, without a
// trailing dot, IP addresses in canonical form, international names in punycode, as browsers send them.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if ascii, err := ASCIIName(name); err == nil {
		return ascii
	}
	return name
}

// ASCIIName returns a host name in punycode (RFC 5891): "bücher.de" as "xn--bcher-kva.de". It does not
// change a name in ASCII. It returns an error if the name cannot be one of a host.
func ASCIIName(name string) (string, error) {
	if isASCII(name) {
		return name, nil
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("%.100q is not a valid host name", name)
	}
	return ascii, nil
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
