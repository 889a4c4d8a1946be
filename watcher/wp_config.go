package watcher

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// debianConfigs matches the configurations of the sites that share Debian's package.
const debianConfigs = "/etc/wordpress/config-*.php"

var (
	// dirOfFile matches the old spelling of __DIR__.
	dirOfFile = regexp.MustCompile(`dirname\(\s*__FILE__\s*\)`)

	// phpPathPart matches one operand of a path expression.
	phpPathPart = regexp.MustCompile(`^(?:'[^']*'|"[^"$\\]*"|__DIR__|ABSPATH|dirname\(\s*__DIR__\s*\)` +
		`|\$_SERVER\[\s*['"]DOCUMENT_ROOT['"]\s*\])`)
)

// wpConfig is what a configuration of WordPress says about WP_CONTENT_DIR.
type wpConfig struct {
	contents   []string // the values that are absolute paths
	unknown    string   // path of a file with a value that is not made of the operands of phpPathPart, or ""
	unreadable string   // path of the configuration if it cannot be read, or ""
}

// readWPConfig reads the file at path, for a WordPress in dir, and the files that it loads in Debian's package.
func readWPConfig(path, dir string) (config wpConfig) {
	text, err := os.ReadFile(path)
	if err != nil {
		return wpConfig{unreadable: path} // the file holds passwords, so the relay may lack the permission
	}
	source := readPHP(string(text))
	for _, site := range loadedConfigs(source) {
		loaded := readWPConfig(site, dir)
		config.contents = append(config.contents, loaded.contents...)
		config.unknown = cmp.Or(config.unknown, loaded.unknown, loaded.unreadable)
	}
	expressions, complete := source.definitions("WP_CONTENT_DIR")
	for _, expression := range expressions {
		if content := evalPHPPath(expression, filepath.Dir(path), dir); filepath.IsAbs(content) {
			config.contents = append(config.contents, filepath.Clean(content))
		} else {
			complete = false
		}
	}
	if !complete {
		config.unknown = path
	}
	return config
}

// loadedConfigs returns the configurations that the configuration of Debian's package loads, or nil for another one.
func loadedConfigs(source phpSource) []string {
	if !strings.Contains(strings.Join(source.literals, "\n"), filepath.Dir(debianConfigs)+"/") {
		return nil
	}
	sites, _ := filepath.Glob(debianConfigs)
	return sites
}

// doubt returns why dir, which findWPContent would choose, may not be the wp-content that WordPress uses, or "". A
// value of another machine, as in a container, is trusted if it has the same name as dir. A configuration that cannot
// be read is only doubted while dir has no events: the relay often lacks the permission for it.
func (c wpConfig) doubt(dir string) string {
	sameName := func(content string) bool { return filepath.Base(content) == filepath.Base(dir) }
	switch {
	case c.unknown != "":
		return "WP_CONTENT_DIR in " + c.unknown + " cannot be determined; pass the folder"
	case len(c.contents) > 0 && !slices.ContainsFunc(c.contents, sameName):
		return "WP_CONTENT_DIR is " + c.contents[0] + ", which does not exist here; pass the folder"
	case c.unreadable != "" && !isDir(filepath.Join(dir, eventDir)):
		return "WP_CONTENT_DIR cannot be determined, because " + c.unreadable + " cannot be read; pass the folder"
	default:
		return ""
	}
}

// evalPHPPath returns the value of a PHP expression for a path, or "" if it has other operands than phpPathPart
// matches. home is the directory of the file with the expression, and dir is WordPress's directory.
func evalPHPPath(expression, home, dir string) (path string) {
	for rest := dirOfFile.ReplaceAllString(expression, "__DIR__"); ; {
		part := phpPathPart.FindString(rest)
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
