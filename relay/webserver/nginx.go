package webserver

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// maxIncludes bounds how deep files include each other, so that a file that includes itself ends.
const maxIncludes = 16

// nginxHeader precedes each file in the output of nginx -T.
const nginxHeader = "# configuration file "

// Nginx returns the server blocks in the output of nginx -T.
func Nginx(dump string) ([]Site, error) {
	main, files := splitDump(dump)
	if main == "" {
		return nil, errors.New("nginx -T printed no configuration")
	}
	p := nginxParser{dir: filepath.Dir(main), files: files}
	directives, err := p.file(main, 0)
	if err != nil {
		return nil, err
	}
	var sites []Site
	for _, d := range directives {
		if d.name() != "http" {
			continue
		}
		root := d.value("root")
		for _, server := range d.block {
			if server.name() == "server" && server.isBlock {
				sites = append(sites, server.site(root))
			}
		}
	}
	return sites, nil
}

// splitDump returns the files in the output of nginx -T by their names, and the name of the first, the main file.
func splitDump(dump string) (main string, files map[string]string) {
	files = make(map[string]string)
	var name string
	for line := range strings.Lines(dump) {
		if header, ok := strings.CutPrefix(line, nginxHeader); ok && strings.HasSuffix(header, ":\n") {
			name = strings.TrimSuffix(header, ":\n")
			files[name] = ""
			if main == "" {
				main = name
			}
			continue
		}
		if name != "" {
			files[name] += line
		}
	}
	return main, files
}

// directive is a directive of nginx. Included directives stand in the place of their include.
type directive struct {
	words   []string
	block   []directive
	isBlock bool
	file    string
	line    int
	insert  int // offset after the opening bracket of a block
}

func (d directive) name() string {
	if len(d.words) == 0 {
		return ""
	}
	return d.words[0]
}

// value returns the first argument of the directive with this name in the block, "" if there is none.
func (d directive) value(name string) string {
	for _, inner := range d.block {
		if inner.name() == name && len(inner.words) > 1 {
			return inner.words[1]
		}
	}
	return ""
}

// site returns the site of a server block. root is the value that the block inherits.
func (d directive) site(root string) Site {
	site := Site{File: d.file, Insert: d.insert, Root: root}
	if own := d.value("root"); own != "" {
		site.Root = own
	}
	for _, inner := range d.block {
		switch inner.name() {
		case "server_name":
			site.Names = append(site.Names, inner.words[1:]...)
		case "location":
			path := inner.words[len(inner.words)-1]
			site.Paths = append(site.Paths, Path{path, inner.file, inner.line})
			if site.Root == "" && path == "/" {
				site.Root = inner.value("root")
			}
		}
	}
	return site
}

// nginxParser parses the files of one dump.
type nginxParser struct {
	dir   string            // of the main file; relative includes start here
	files map[string]string // contents by path
}

// file returns the directives of a file and of the files that it includes.
func (p nginxParser) file(name string, depth int) ([]directive, error) {
	if depth > maxIncludes {
		return nil, fmt.Errorf("%s: files are included more than %d levels deep", name, maxIncludes)
	}
	s := nginxScanner{text: p.files[name], file: name}
	directives, err := p.block(&s, depth, false)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, lineAt(s.text, min(s.offset, len(s.text))), err)
	}
	return directives, nil
}

// block returns the directives up to the end of a block, or of the file.
func (p nginxParser) block(s *nginxScanner, depth int, nested bool) ([]directive, error) {
	var directives []directive
	for {
		d, end, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case end == "}" && !nested, end == "" && nested:
			return nil, errors.New("brackets do not match")
		case end == "}" || end == "":
			return directives, nil
		case end == "{":
			if d.block, err = p.block(s, depth, true); err != nil {
				return nil, err
			}
			directives = append(directives, d)
		case d.name() == "include" && len(d.words) == 2:
			included, err := p.include(d.words[1], depth)
			if err != nil {
				return nil, err
			}
			directives = append(directives, included...)
		default:
			directives = append(directives, d)
		}
	}
}

// include returns the directives of all files that a pattern matches.
func (p nginxParser) include(pattern string, depth int) (directives []directive, err error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(p.dir, pattern)
	}
	for name := range p.files {
		if matched, err := filepath.Match(pattern, name); err != nil || !matched {
			continue
		}
		included, err := p.file(name, depth+1)
		if err != nil {
			return nil, err
		}
		directives = append(directives, included...)
	}
	return directives, nil
}
