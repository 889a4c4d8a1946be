package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is a parsed configuration file: values by the names of their flags.
type configFile map[string]any

// loadConfigFile is kong's loader for the configuration file. A file with a second YAML document is an error, since
// its settings would go unnoticed.
func loadConfigFile(r io.Reader) (kong.Resolver, error) {
	var c configFile
	decoder := yaml.NewDecoder(r)
	if err := decoder.Decode(&c); err != nil && err != io.EOF {
		return nil, fmt.Errorf("not YAML of the form 'name: value': %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return nil, errors.New("the configuration file has more than one YAML document; remove the line '---' " +
			"between the settings")
	}
	return c, nil
}

// Validate returns an error for a name that is not a setting, since a mistyped one would otherwise go unnoticed.
func (c configFile) Validate(app *kong.Application) error {
	known := settingNames(app)
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if slices.Contains(known, name) {
			continue
		}
		if near := suggest(name, known); near != "" {
			return fmt.Errorf("the configuration file sets %q, which is not a setting; did you mean %q?", name, near)
		}
		return fmt.Errorf("the configuration file sets %q, which is not a setting; the settings are %s",
			name, strings.Join(known, ", "))
	}
	return nil
}

// settingNames returns the names of the flags of all commands, sorted.
func settingNames(app *kong.Application) []string {
	var known []string
	for _, node := range append([]*kong.Node{app.Node}, app.Children...) {
		for _, flag := range node.Flags {
			known = append(known, flag.Name)
		}
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// Resolve returns the file's value for flag. It returns nil if the file has none, or if the environment sets the
// flag.
func (c configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	switch value := c[flag.Name].(type) {
	case nil, bool:
		return value, nil
	case []any:
		if len(value) == 0 {
			return nil, nil
		}
		return value, nil
	case string:
		if value == "" { // counts as unset, as in the environment
			return nil, nil
		}
		return value, nil
	default:
		return fmt.Sprint(value), nil
	}
}
