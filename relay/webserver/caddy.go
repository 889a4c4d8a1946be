package webserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Caddy returns the sites in the output of caddy adapt whose block is in the Caddyfile with this name and text. A site
// in a file that the Caddyfile imports is not returned.
func Caddy(adapted []byte, file, text string) ([]Site, error) {
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct{ Routes []caddyRoute }
			}
		}
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		return nil, fmt.Errorf("output of caddy adapt: %w", err)
	}
	blocks, err := caddyBlocks(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var sites []Site
	for _, block := range blocks {
		site := Site{Names: block.hosts, File: file, Insert: block.insert}
		for _, server := range config.Apps.HTTP.Servers {
			for _, route := range server.Routes {
				if sameHosts(route.hosts(), block.hosts) {
					route.addTo(&site, block.line)
				}
			}
		}
		sites = append(sites, site)
	}
	return sites, nil
}

// caddyRoute is a route in Caddy's JSON.
type caddyRoute struct {
	Match []struct {
		Host       []string
		Path       []string
		VarsRegexp map[string]struct{ Pattern string } `json:"vars_regexp"`
	}
	Handle []struct {
		Handler string
		Root    string
		Routes  []caddyRoute
	}
}

// hosts returns the host names of a route of a server; none if it is for all hosts.
func (r caddyRoute) hosts() (hosts []string) {
	for _, match := range r.Match {
		hosts = append(hosts, match.Host...)
	}
	return hosts
}

// addTo adds the root and the paths of a route and of all routes in it. line is that of the site's block.
func (r caddyRoute) addTo(site *Site, line int) {
	for _, match := range r.Match {
		for _, path := range match.Path {
			site.Paths = append(site.Paths, Path{path, site.File, line})
		}
		for _, variable := range match.VarsRegexp { // in the form of Pass
			path := strings.TrimSuffix(strings.TrimPrefix(variable.Pattern, "^"), "(/|$)")
			site.Paths = append(site.Paths, Path{path, site.File, line})
		}
	}
	for _, handler := range r.Handle {
		if handler.Handler == "vars" && handler.Root != "" && site.Root == "" {
			site.Root = handler.Root
		}
		for _, inner := range handler.Routes {
			inner.addTo(site, line)
		}
	}
}

// sameHosts reports whether a route is of a block. A block with several ports has one route for each port.
func sameHosts(route, block []string) bool {
	if len(route) == 0 || len(block) == 0 {
		return len(route) == len(block)
	}
	return !slices.ContainsFunc(route, func(host string) bool { return !slices.Contains(block, host) })
}

// caddyBlock is the block of a site in a Caddyfile.
type caddyBlock struct {
	hosts  []string // without ports; none if the site is for all hosts
	line   int      // of the opening bracket
	insert int      // offset after it
}

// caddyBlocks returns the blocks of sites in a Caddyfile. Each bracket of a block must end a line or be alone in it.
func caddyBlocks(text string) (blocks []caddyBlock, err error) {
	var addresses []string
	depth, offset, number := 0, 0, 0
	for line := range strings.Lines(text) {
		number++
		words, err := caddyWords(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		switch last := len(words) - 1; {
		case last < 0:
		case words[last] == "{":
			if addresses = append(addresses, words[:last]...); depth == 0 && isCaddySite(addresses) {
				blocks = append(blocks, caddyBlock{caddyHosts(addresses), number, offset + strings.LastIndexByte(line, '{') + 1})
			}
			addresses = nil
			depth++
		case words[0] == "}" && last == 0:
			depth--
		case slices.Contains(words, "{") || slices.Contains(words, "}"):
			return nil, fmt.Errorf("line %d: a bracket inside the line", number)
		case depth == 0:
			addresses = append(addresses, words...)
		}
		if depth < 0 {
			return nil, fmt.Errorf("line %d: unexpected }", number)
		}
		offset += len(line)
	}
	if depth != 0 || len(addresses) > 0 {
		return nil, errors.New("a block has no end, or a site has no block")
	}
	return blocks, nil
}

// isCaddySite reports whether the words before a block are addresses, and not global options or a snippet.
func isCaddySite(words []string) bool { return len(words) > 0 && !strings.HasPrefix(words[0], "(") }

// caddyHosts returns the hosts of addresses; none if one is for all hosts, such as ":80".
func caddyHosts(addresses []string) (hosts []string) {
	for _, address := range addresses {
		for part := range strings.SplitSeq(strings.TrimSuffix(address, ","), ",") {
			host := hostOf(part)
			if host == "" {
				return nil
			}
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// caddyWords returns the words of a line without its comment. It returns an error for quotes over several lines.
func caddyWords(line string) (words []string, err error) {
	rest := strings.TrimSpace(line)
	for rest != "" && rest[0] != '#' {
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		if rest[0] == '"' || rest[0] == '`' {
			if end = closingQuote(rest); end < 0 {
				return nil, errors.New("a quote without an end in its line")
			}
		}
		if strings.HasPrefix(rest, "<<") {
			return nil, errors.New("a heredoc")
		}
		words = append(words, rest[:end])
		rest = strings.TrimSpace(rest[end:])
	}
	return words, nil
}

// closingQuote returns the offset after the quoted word at the start of text, or -1 if it does not end.
func closingQuote(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] == '"':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return -1
}
