package clientaddr_test

import (
	"net/http"
	"strings"
	"testing"

	"wpre-relay/relay/security/clientaddr"
)

// policy trusts 10.0.0.0/8, fd00::/8 and 192.0.2.1.
func policy(t testing.TB) clientaddr.Policy {
	t.Helper()
	var p clientaddr.Policy
	for _, text := range []string{"10.0.0.0/8", "fd00::/8", "192.0.2.1"} {
		var network clientaddr.Network
		if err := network.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		p.Trusted = append(p.Trusted, network)
	}
	return p
}

const twoProxies = `for=1.1.1.1, for=203.0.113.9;host="a,b;for=2.2.2.2", for=10.0.0.2`

// addressCases are requests and the address of the client.
var addressCases = map[string]struct {
	remote, xff, forwarded string // header lines are separated by |
	want                   string
}{
	"direct":                      {"203.0.113.9:1", "", "", "203.0.113.9"},
	"through an untrusted proxy":  {"203.0.113.9:1", "1.1.1.1", "for=1.1.1.1", "203.0.113.9"},
	"through one proxy":           {"10.0.0.1:1", "203.0.113.9", "", "203.0.113.9"},
	"proxy without a header":      {"10.0.0.1:1", "", "", "10.0.0.1"},
	"empty header":                {"10.0.0.1:1", " ", "", "10.0.0.1"},
	"through two proxies":         {"192.0.2.1:1", "203.0.113.9, 10.9.9.9", "", "203.0.113.9"},
	"forged by the client":        {"10.0.0.1:1", "1.1.1.1, 203.0.113.9", "", "203.0.113.9"},
	"forged as a proxy's":         {"10.0.0.1:1", "10.1.1.1, 203.0.113.9, 10.0.0.2", "", "203.0.113.9"},
	"client in a trusted network": {"10.0.0.1:1", "10.3.3.3", "", "10.3.3.3"},
	"several header lines":        {"10.0.0.1:1", "1.1.1.1|203.0.113.9|10.0.0.2", "", "203.0.113.9"},
	"with a port":                 {"10.0.0.1:1", "203.0.113.9:4711", "", "203.0.113.9"},
	"IPv6":                        {"[fd00::1]:1", "2001:db8::9", "", "2001:db8::9"},
	"IPv6 with a port":            {"[fd00::1]:1", "[2001:DB8::9]:4711", "", "2001:db8::9"},
	"IPv4 in IPv6":                {"[::ffff:10.0.0.1]:1", "::ffff:203.0.113.9", "", "203.0.113.9"},
	"zone":                        {"[fd00::1%eth0]:1", "fe80::1%eth0", "", "fe80::1"},
	"host name":                   {"10.0.0.1:1", "203.0.113.9, evil.test", "", "10.0.0.1"},
	"unknown":                     {"10.0.0.1:1", "203.0.113.9, unknown, 10.0.0.2", "", "10.0.0.2"},
	"comma at the end":            {"10.0.0.1:1", "203.0.113.9, ,", "", "203.0.113.9"},
	"empty hops":                  {"10.0.0.1:1", "1.1.1.1,,203.0.113.9|,|10.0.0.2,", "", "203.0.113.9"},
	"quoted":                      {"10.0.0.1:1", `1.1.1.1, "203.0.113.9"`, "", "203.0.113.9"},
	"quoted IPv6 with a port":     {"10.0.0.1:1", `"[2001:db8::9]:4711"`, "", "2001:db8::9"},
	"network":                     {"10.0.0.1:1", "203.0.113.0/24", "", "10.0.0.1"},

	"Forwarded":                    {"10.0.0.1:1", "", "for=203.0.113.9", "203.0.113.9"},
	"Forwarded with all fields":    {"10.0.0.1:1", "", `For="[2001:db8::9]:1" ;proto=http`, "2001:db8::9"},
	"Forwarded by two proxies":     {"10.0.0.1:1", "", twoProxies, "203.0.113.9"},
	"Forwarded with an open quote": {"10.0.0.1:1", "", `for="1.1.1.1, for=203.0.113.9`, "203.0.113.9"},
	"Forwarded without for":        {"10.0.0.1:1", "", `for=1.1.1.1, proto=https`, "10.0.0.1"},
	"Forwarded with empty hops":    {"10.0.0.1:1", "", `for=203.0.113.9, ,for=10.0.0.2;,`, "203.0.113.9"},
	"Forwarded with an identifier": {"10.0.0.1:1", "", `for=1.1.1.1, for=_secret`, "10.0.0.1"},
	"both headers":                 {"10.0.0.1:1", "203.0.113.9", "for=203.0.113.9", "203.0.113.9"},
	"both headers disagree":        {"10.0.0.1:1", "203.0.113.9", "for=1.1.1.1", "10.0.0.1"},
	"not TCP":                      {"@", "203.0.113.9", "", "invalid IP"},
}

func TestClientAddress(t *testing.T) {
	for name, tc := range addressCases {
		r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{}}
		for header, lines := range map[string]string{"X-Forwarded-For": tc.xff, "Forwarded": tc.forwarded} {
			if lines != "" {
				r.Header[header] = strings.Split(lines, "|")
			}
		}
		if got := policy(t).Client(r); got.String() != tc.want {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}

func TestUnmarshalTextRejectsInvalidNetworks(t *testing.T) {
	for _, text := range []string{
		"", "10", "10.0.0.0/33", "10.0.0.0/8,", "localhost", "fe80::1%eth0", "::ffff:10.0.0.0/104", "*",
	} {
		var network clientaddr.Network
		if err := network.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is parsed as %v", text, network)
		}
	}
}

// FuzzClient looks for headers that forge a client's address. A part to the left of an untrusted address must have no
// effect.
func FuzzClient(f *testing.F) {
	f.Add("1.1.1.1", `for="[::1]:80"`)
	f.Add(`","`, `for=";`)
	f.Fuzz(func(t *testing.T, xff, standard string) {
		for name, value := range map[string]string{
			"X-Forwarded-For": xff + ", 203.0.113.9",
			"Forwarded":       standard + ", for=203.0.113.9",
		} {
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{name: {value}}}
			if got := policy(t).Client(r).String(); got != "203.0.113.9" {
				t.Errorf("%s: %q: %s", name, value, got)
			}
		}
	})
}
