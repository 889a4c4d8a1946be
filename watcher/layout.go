package watcher

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// contentIn returns the folder that a WordPress in root has as its wp-content, by whatever name: the one that has seen
// events, else the likeliest that is there; "" if none is. It knows these layouts:
//
//   - wp-content, below root
//   - WordPress in a folder of its own below root, or below the folder of wp-config.php
//   - WP_CONTENT_DIR in wp-config.php, or, for Debian's package, in one of the files that it loads
//   - Bedrock and its like: app, content or wp-content beside WordPress, in web
//
// All sites of a network (multisite) share one.
func contentIn(root string) string {
	roots := []string{root}
	below, _ := os.ReadDir(root) // what cannot be read has none
	if exists(filepath.Join(root, "wp-load.php")) {
		below = nil // those are other sites
	}
	for _, entry := range below {
		if dir := filepath.Join(root, entry.Name()); exists(filepath.Join(dir, "wp-load.php")) || exists(filepath.Join(dir, "wp-config.php")) {
			roots = append(roots, dir)
		}
	}
	first := ""
	for _, root := range roots {
		for _, dir := range contentOf(root) {
			if isDir(filepath.Join(dir, eventDir)) {
				return dir
			}
			if first == "" && isDir(dir) {
				first = dir
			}
		}
	}
	return first
}

// contentOf returns what may be the wp-content of a WordPress that is in dir, the likeliest first.
func contentOf(dir string) (contents []string) {
	home := dir // where wp-config.php is: WordPress looks for it there, and one above (wp-load.php)
	if !exists(filepath.Join(dir, "wp-config.php")) {
		home = filepath.Dir(dir)
	}
	if config := filepath.Join(home, "wp-config.php"); exists(config) {
		contents = contentSaid(config, dir)
	}
	for _, name := range []string{"app", "content", contentDir} {
		if beside := filepath.Join(home, name); exists(filepath.Join(beside, "plugins")) {
			contents = append(contents, beside)
		}
	}
	return append(contents, filepath.Join(dir, contentDir))
}

var (
	// stringOrComment matches what is either in PHP; a string in a group.
	stringOrComment = regexp.MustCompile(`(?s)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|/\*.*?\*/|(?://|#)[^\n]*`)

	// contentDefined matches where PHP defines WP_CONTENT_DIR.
	contentDefined = regexp.MustCompile(`\b(?:define\s*\(\s*['"]WP_CONTENT_DIR['"]\s*,\s*([^;]+?)\s*\)|const\s+WP_CONTENT_DIR\s*=\s*([^;]+?))\s*;`)

	// dirOfFile matches what __DIR__ stands for.
	dirOfFile = regexp.MustCompile(`dirname\(\s*__FILE__\s*\)`)

	// pathPart matches what such paths are put together from.
	pathPart = regexp.MustCompile(`^(?:'[^']*'|"[^"$]*"|__DIR__|ABSPATH|dirname\(\s*__DIR__\s*\)|\$_SERVER\[\s*['"]DOCUMENT_ROOT['"]\s*\])`)
)

// debianConfigs are the configurations of the sites that share Debian's package.
const debianConfigs = "/etc/wordpress/config-*.php"

// contentSaid returns what config says that WP_CONTENT_DIR is, for a WordPress in dir.
func contentSaid(config, dir string) (contents []string) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil // it holds passwords: the relay may not be let in
	}
	if strings.Contains(string(text), filepath.Dir(debianConfigs)+"/") {
		sites, _ := filepath.Glob(debianConfigs)
		for _, site := range sites {
			contents = append(contents, contentSaid(site, dir)...)
		}
	}
	code := stringOrComment.ReplaceAllString(string(text), "$1 ")
	for _, found := range contentDefined.FindAllStringSubmatch(code, -1) {
		if path := evaluate(found[1]+found[2], filepath.Dir(config), dir); filepath.IsAbs(path) {
			contents = append(contents, filepath.Clean(path))
		}
	}
	return contents
}

// evaluate returns what a path in PHP is, in a file in home, for a WordPress in dir; "" if that is not known.
func evaluate(expression, home, dir string) (path string) {
	for rest := dirOfFile.ReplaceAllString(expression, "__DIR__"); ; {
		part := pathPart.FindString(rest)
		switch {
		case part == "":
			return ""
		case part == "ABSPATH":
			path += dir + "/"
		case strings.HasPrefix(part, "dirname"):
			path += filepath.Dir(home)
		case strings.ContainsAny(part[:1], `'"`):
			path += part[1 : len(part)-1]
		default:
			path += home
		}
		rest = strings.TrimSpace(rest[len(part):])
		if rest == "" {
			return path
		}
		next, joined := strings.CutPrefix(rest, ".")
		if !joined {
			return ""
		}
		rest = strings.TrimSpace(next)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
