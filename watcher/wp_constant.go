package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// phpScalar matches a value that is no string.
var phpScalar = regexp.MustCompile(`^(?i:true|false|null|\d+)$`)

// ConfigConstant returns the values that WordPress's configuration gives to a constant: none if it does not define the
// constant, several if it has branches. Values other than strings are in lower case, such as "true". file is the event
// file that Locate returns for path. The error says why the values are not known: the configuration cannot be read, or
// a value is an expression with a function or a variable. Debian's package loads the configurations of all sites.
func ConfigConstant(path, file, name string) (values []string, err error) {
	config, err := findConfig(path, file)
	if config == "" || err != nil {
		return nil, err
	}
	return constantsIn(config, name)
}

func constantsIn(config, name string) (values []string, err error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	source := readPHP(string(text))
	for _, site := range loadedConfigs(source) {
		loaded, err := constantsIn(site, name)
		if err != nil {
			return nil, err
		}
		values = append(values, loaded...)
	}
	expressions, complete := source.definitions(name)
	for _, expression := range expressions {
		value := evalPHPPath(expression, filepath.Dir(config), filepath.Dir(config))
		if phpScalar.MatchString(expression) {
			value = strings.ToLower(expression)
		}
		if value == "" && expression != "''" && expression != `""` {
			complete = false
		}
		values = append(values, value)
	}
	if !complete {
		return nil, fmt.Errorf("%s in %s is an expression that cannot be determined", name, config)
	}
	return values, nil
}

// findConfig returns the path of wp-config.php, or "" if there is none. It looks beside wp-content and in the parent
// directory, as WordPress does, and where Locate finds WordPress. It fails if a directory cannot be searched.
func findConfig(path, file string) (string, error) {
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	dirs := []string{root, filepath.Dir(root)}
	if abs, err := filepath.Abs(path); path != "" && err == nil && isDir(abs) {
		dirs = append(dirs, wordpressRoots(abs)...)
	}
	for _, dir := range dirs {
		config := filepath.Join(dir, "wp-config.php")
		switch _, err := os.Stat(config); {
		case err == nil:
			return config, nil
		case errors.Is(err, fs.ErrPermission):
			return "", err
		}
	}
	return "", nil
}
