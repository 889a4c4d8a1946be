package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is a parsed configuration file.
type configFile struct {
	name   string         // path of the file
	values map[string]any // by the names of their flags
	lines  map[string]int // of the names
	env    environment    // overrides the values
}

// loadConfigFile is kong's loader for the configuration file. A file with a second YAML document is an error, since
// its settings would go unnoticed. Errors contain the path and the line, and no part of the file, which may hold
// secrets or be another file.
func loadConfigFile(r io.Reader, env environment) (kong.Resolver, error) {
	c := configFile{name: "the configuration file", lines: make(map[string]int), env: env}
	if file, ok := r.(*os.File); ok {
		c.name = file.Name()
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(r)
	if err := decoder.Decode(&document); err != nil && err != io.EOF {
		return nil, c.yamlError(err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err != io.EOF {
		return nil, fmt.Errorf("%s: the file has more than one YAML document; remove the line '---' between the "+
			"settings", c.at(second.Line))
	}
	if err := document.Decode(&c.values); err != nil {
		return nil, c.yamlError(err)
	}
	if len(document.Content) > 0 {
		for i, node := range document.Content[0].Content {
			if i%2 == 0 {
				c.lines[node.Value] = node.Line
			}
		}
	}
	return c, nil
}

// at returns the path of the file with the line, unless that is 0.
func (c configFile) at(line int) string {
	if line == 0 {
		return c.name
	}
	return fmt.Sprintf("%s:%d", c.name, line)
}

// yamlLine matches the line in an error of the YAML parser.
var yamlLine = regexp.MustCompile(`line (\d+)`)

// yamlError returns an error with the line of err. Its text often quotes the file.
func (c configFile) yamlError(err error) error {
	line := 0
	if match := yamlLine.FindStringSubmatch(err.Error()); match != nil {
		line, _ = strconv.Atoi(match[1])
	}
	return fmt.Errorf("%s: the configuration file is not YAML of the form 'name: value' in UTF-8, with each name once",
		c.at(line))
}

// Validate returns an error for a name that is not a setting, since a mistyped one would otherwise go unnoticed.
func (c configFile) Validate(app *kong.Application) error {
	known := sortedNames(flagsByName(app))
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		if slices.Contains(known, name) {
			continue
		}
		if near := suggest(name, known); near != "" {
			return fmt.Errorf("%s: %q is not a setting; did you mean %q?", c.at(c.lines[name]), name, near)
		}
		return fmt.Errorf("%s: this name is not a setting; the settings are %s", c.at(c.lines[name]),
			strings.Join(known, ", "))
	}
	return nil
}

// Resolve returns the file's value for flag. It returns nil if the file has none, or if the environment sets the
// flag. An empty value counts as none, except for a security setting.
func (c configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, set := c.values[flag.Name]
	if _, overridden := c.env[flag.Name]; overridden || !set || isSpecial(flag) {
		return nil, nil
	}
	in := input{value: value, source: c.at(c.lines[flag.Name])}
	switch v := value.(type) {
	case nil:
		set = false
	case bool:
	case []any:
		set = len(v) > 0
	case string:
		set = v != ""
	case map[string]any, map[any]any:
		return nil, fmt.Errorf("must be a value or a list (from %s)", in.source)
	default:
		in.value = fmt.Sprint(v)
	}
	if !set && !isSecurity(flag) {
		return nil, nil
	}
	return in, nil
}
