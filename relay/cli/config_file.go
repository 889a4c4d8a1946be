package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is a parsed configuration file.
type configFile struct {
	values map[string]any // by the names of their flags
	lines  map[string]int // of the names
	env    environment    // overrides the values
}

// loadConfigFile is kong's loader for the configuration file. A file with a second YAML document is an error, since
// its settings would go unnoticed. Errors contain no part of the file, which may hold secrets or be another file.
func loadConfigFile(r io.Reader, env environment) (kong.Resolver, error) {
	c := configFile{lines: make(map[string]int), env: env}
	var document yaml.Node
	decoder := yaml.NewDecoder(r)
	if err := decoder.Decode(&document); err != nil && err != io.EOF {
		return nil, yamlError(err)
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return nil, errors.New("the configuration file has more than one YAML document; remove the line '---' " +
			"between the settings")
	}
	if err := document.Decode(&c.values); err != nil {
		return nil, yamlError(err)
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

// yamlLine matches the line in an error of the YAML parser.
var yamlLine = regexp.MustCompile(`line (\d+)`)

// yamlError returns an error with the line of err. Its text often quotes the file.
func yamlError(err error) error {
	const text = "the configuration file is not YAML of the form 'name: value' in UTF-8, with each name once"
	if line := yamlLine.FindStringSubmatch(err.Error()); line != nil {
		return fmt.Errorf("%s: see line %s", text, line[1])
	}
	return errors.New(text)
}

// Validate returns an error for a name that is not a setting, since a mistyped one would otherwise go unnoticed.
func (c configFile) Validate(app *kong.Application) error {
	known := sortedNames(flagsByName(app))
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		if slices.Contains(known, name) {
			continue
		}
		if near := suggest(name, known); near != "" {
			return fmt.Errorf("the configuration file sets %q, which is not a setting; did you mean %q?", name, near)
		}
		return fmt.Errorf("the configuration file has a name in line %d that is not a setting; the settings are %s",
			c.lines[name], strings.Join(known, ", "))
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
	in := input{value: value, source: "the configuration file"}
	switch v := value.(type) {
	case nil:
		set = false
	case bool:
	case []any:
		set = len(v) > 0
	case string:
		set = v != ""
	case map[string]any, map[any]any:
		return nil, safeError("must be a value or a list")
	default:
		in.value = fmt.Sprint(v)
	}
	if !set && !isSecurity(flag) {
		return nil, nil
	}
	return in, nil
}
