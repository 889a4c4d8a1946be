// Package webserver finds the sites in the configuration of nginx, Apache and Caddy, and the place in a file at which
// a site takes one more line. It also has the lines that connect a site with a relay. It works on the servers' own
// output and on the text of their files: it does no I/O and changes nothing. Text that it cannot parse is an error, so
// that callers never edit it.
package webserver

import (
	"net"
	"slices"
	"strings"
)

// Site is a part of a configuration that answers for some host names: a server block, a virtual host or a site block.
type Site struct {
	Names  []string // host names; may contain wildcards
	Root   string   // directory of the site's files, "" if it has none
	File   string   // configuration file, as the server names it
	Insert int      // offset in File at which a line can be inserted: after the site's opening bracket
	Paths  []Path   // URL paths with rules of their own
}

// Path is a URL path for which a site has rules.
type Path struct {
	Path string
	File string
	Line int
}

// Find returns the rule for path or for a path below it. found is false if there is none.
func (s Site) Find(path string) (rule Path, found bool) {
	for _, rule := range s.Paths {
		named := strings.TrimRight(strings.TrimSuffix(rule.Path, "*"), "/")
		if named == path || strings.HasPrefix(named, path+"/") {
			return rule, true
		}
	}
	return Path{}, false
}

// Serves reports whether one of the names covers the host, which has no port. A site without names serves none.
func (s Site) Serves(host string) bool {
	return slices.ContainsFunc(s.Names, func(name string) bool { return covers(name, host) })
}

// covers reports whether a name of a configuration covers a host. Regular expressions of nginx (~) cover none.
func covers(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(host)
	switch {
	case name == host:
		return true
	case strings.HasPrefix(name, "."):
		return host == name[1:] || strings.HasSuffix(host, name)
	case strings.HasPrefix(name, "*."):
		return strings.HasSuffix(host, name[1:])
	case strings.HasSuffix(name, ".*"):
		return strings.HasPrefix(host, name[:len(name)-1])
	default:
		return false
	}
}

// hostOf returns the host of an address such as "https://[::1]:8443/path", without brackets.
func hostOf(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	address, _, _ = strings.Cut(address, "/")
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// lineAt returns the number of the line with this offset, from 1.
func lineAt(text string, offset int) int { return strings.Count(text[:offset], "\n") + 1 }
