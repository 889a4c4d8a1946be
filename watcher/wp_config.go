package watcher

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// debianConfigs matches the configurations of the sites that share Debian's package.
const debianConfigs = "/etc/wordpress/config-*.php"

var (
	// phpStringOrComment matches a string of PHP, in a group, or a comment.
	phpStringOrComment = regexp.MustCompile(`(?s)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|/\*.*?\*/|(?://|#)[^\n]*`)

	// contentDirDefinition matches a definition of WP_CONTENT_DIR: by define, or by const. The value is in a group.
	contentDirDefinition = regexp.MustCompile(`\bdefine\s*\(\s*['"]WP_CONTENT_DIR['"]\s*,\s*([^;]+?)\s*\)\s*;` +
		`|\bconst\s+WP_CONTENT_DIR\s*=\s*([^;]+?)\s*;`)

	// dirOfFile matches the old spelling of __DIR__.
	dirOfFile = regexp.MustCompile(`dirname\(\s*__FILE__\s*\)`)

	// phpPathPart matches one operand of a path expression.
	phpPathPart = regexp.MustCompile(`^(?:'[^']*'|"[^"$]*"|__DIR__|ABSPATH|dirname\(\s*__DIR__\s*\)` +
		`|\$_SERVER\[\s*['"]DOCUMENT_ROOT['"]\s*\])`)
)

// configuredWPContent returns the values of WP_CONTENT_DIR in the file config, for a WordPress in dir. It skips values
// that are not made of the operands of phpPathPart.
func configuredWPContent(config, dir string) (contents []string) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil // the file holds passwords, so the relay may lack the permission
	}
	if strings.Contains(string(text), filepath.Dir(debianConfigs)+"/") {
		sites, _ := filepath.Glob(debianConfigs)
		for _, site := range sites {
			contents = append(contents, configuredWPContent(site, dir)...)
		}
	}
	code := phpStringOrComment.ReplaceAllString(string(text), "$1 ")
	for _, match := range contentDirDefinition.FindAllStringSubmatch(code, -1) {
		if path := evalPHPPath(match[1]+match[2], filepath.Dir(config), dir); filepath.IsAbs(path) {
			contents = append(contents, filepath.Clean(path))
		}
	}
	return contents
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
