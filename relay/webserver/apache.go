package webserver

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// virtualHost matches a line of apachectl -S that names a virtual host, with its name, file and line. The lines of
// default servers repeat one of the others.
var virtualHost = regexp.MustCompile(`^(?:\s+port \d+ namevhost|\S+:\S+)\s+(\S+) \((.+):(\d+)\)$`)

// apacheAlias matches a line with another name of the virtual host above it.
var apacheAlias = regexp.MustCompile(`^\s+(?:wild )?alias (\S+)$`)

// VirtualHost is a virtual host in the output of apachectl -S.
type VirtualHost struct {
	Names []string
	File  string
	Line  int
}

// VirtualHosts returns the virtual hosts in the output of apachectl -S. One with several addresses appears once.
func VirtualHosts(output string) (hosts []VirtualHost) {
	last := -1
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if match := virtualHost.FindStringSubmatch(line); match != nil {
			number, _ := strconv.Atoi(match[3])
			last = slices.IndexFunc(hosts, func(h VirtualHost) bool { return h.File == match[2] && h.Line == number })
			if last < 0 {
				hosts = append(hosts, VirtualHost{[]string{match[1]}, match[2], number})
				last = len(hosts) - 1
			}
		} else if match := apacheAlias.FindStringSubmatch(line); match != nil && last >= 0 {
			if !slices.Contains(hosts[last].Names, match[1]) {
				hosts[last].Names = append(hosts[last].Names, match[1])
			}
		}
	}
	return hosts
}

var (
	apacheOpen  = regexp.MustCompile(`(?i)^\s*<VirtualHost\s[^>]*>[ \t]*$`)
	apacheClose = regexp.MustCompile(`(?i)^\s*</VirtualHost>[ \t]*$`)

	// apachePath matches directives with a URL path, in quotes or not.
	apachePath = regexp.MustCompile(
		`(?i)^\s*(?:<Location|ProxyPass|Alias|ScriptAlias|Redirect\w*(?:\s+\w+)?)\s+"?(/[^\s">]*)`)
	apacheRoot = regexp.MustCompile(`(?i)^\s*DocumentRoot\s+"?([^"]+?)"?\s*$`)
)

// Site returns the site of a virtual host. text is the content of its file.
func (h VirtualHost) Site(text string) (Site, error) {
	lines := strings.SplitAfter(text, "\n")
	if h.Line < 1 || h.Line > len(lines) || !apacheOpen.MatchString(strings.TrimRight(lines[h.Line-1], "\r\n")) {
		return Site{}, fmt.Errorf("%s:%d: <VirtualHost> does not begin a line here", h.File, h.Line)
	}
	before := strings.Join(lines[:h.Line-1], "")
	opening := strings.TrimRight(lines[h.Line-1], "\r\n \t")
	site := Site{Names: h.Names, File: h.File, Insert: len(before) + len(opening)}
	for i, line := range lines[h.Line:] {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case apacheClose.MatchString(line):
			return site, nil
		case strings.HasPrefix(strings.TrimSpace(strings.ToLower(line)), "<virtualhost"):
			return Site{}, fmt.Errorf("%s:%d: a <VirtualHost> inside another", h.File, h.Line+i+1)
		}
		if match := apacheRoot.FindStringSubmatch(line); match != nil {
			site.Root = match[1]
		}
		if match := apachePath.FindStringSubmatch(line); match != nil {
			site.Paths = append(site.Paths, Path{match[1], h.File, h.Line + i + 1})
		}
	}
	return Site{}, fmt.Errorf("%s:%d: the <VirtualHost> has no end", h.File, h.Line)
}
