package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// Show prints the effective settings of the relay and the source of each. The settings may be invalid: Show prints
// them and then returns the error.
type Show struct {
	Serve

	settings []Setting
}

// Setting is one setting as YAML, without secrets.
type Setting struct {
	Name, Value string
	Source      string // a flag, a variable, a file or "default"
}

// maxAlign bounds the column of the sources, so that one long value does not push all of them to the right.
const maxAlign = 44

// AfterApply gets the flags and their sources from kong.
func (s *Show) AfterApply(ctx *kong.Context, c *CLI) (err error) {
	s.settings, err = effectiveSettings(ctx, c)
	return err
}

func (*Show) validate() error { return nil }

func (s *Show) run(_ context.Context, env Env) error {
	if err := printSettings(s.settings, env.Stdout); err != nil {
		return err
	}
	if err := s.Serve.validate(); err != nil {
		return &UsageError{Err: err, Command: "serve"}
	}
	return nil
}

// effectiveSettings returns the settings of the selected command, in the order of its help. Security settings are
// comments if they are not set, since they must not be empty.
func effectiveSettings(ctx *kong.Context, c *CLI) ([]Setting, error) {
	sources := make(map[string]string)
	for _, step := range ctx.Path {
		switch {
		case step.Flag == nil:
		case step.Resolved:
			sources[step.Flag.Name] = cmp.Or(c.env[step.Flag.Name].source, string(c.File))
		default:
			sources[step.Flag.Name] = "--" + step.Flag.Name
		}
	}
	var settings []Setting
	for _, flags := range ctx.Selected().AllFlags(true) {
		for _, flag := range flags {
			if isSpecial(flag) {
				continue
			}
			value, err := encodeValue(flag.Target)
			if err != nil {
				return nil, fmt.Errorf("--%s: %w", flag.Name, err)
			}
			name := flag.Name
			if isSecurity(flag) && (value == `""` || value == "[]") {
				name = "# " + name // as a setting it would be an error
			}
			settings = append(settings, Setting{name, value, cmp.Or(sources[flag.Name], "default")})
		}
	}
	return settings, nil
}

// encodeValue returns a setting's value as YAML for a configuration file. It hides passwords and secrets.
func encodeValue(value reflect.Value) (string, error) {
	var v any
	switch value.Kind() {
	case reflect.Slice:
		all := make([]any, value.Len())
		for i := range all {
			all[i] = plainValue(value.Index(i))
		}
		v = all
	default:
		v = plainValue(value)
	}
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return "", err
	}
	node.Style = yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	return strings.TrimSpace(string(text)), err
}

// plainValue returns the value as a string, number or bool that a flag reads, without passwords and secrets.
func plainValue(value reflect.Value) any {
	if value.Kind() == reflect.Pointer && value.IsNil() {
		return ""
	}
	switch v := value.Interface().(type) {
	case slog.Level:
		return strings.ToLower(v.String())
	case *url.URL:
		return redacted(v)
	case fmt.Stringer:
		return v.String()
	default:
		return v
	}
}

// redacted returns a URL without its password. A user without a password may be a token, so it is hidden as well.
func redacted(address *url.URL) string {
	shown := *address
	if _, set := shown.User.Password(); !set && shown.User != nil {
		shown.User = url.User("xxxxx")
	}
	return shown.Redacted()
}

// printSettings writes the settings as a configuration file, with the source of each as a comment.
func printSettings(settings []Setting, out io.Writer) error {
	width := 0
	for _, s := range settings {
		width = max(width, min(maxAlign, len(s.Name)+len(s.Value)+2))
	}
	for _, s := range settings {
		if _, err := fmt.Fprintf(out, "%-*s  # %s\n", width, s.Name+": "+s.Value, s.Source); err != nil {
			return err
		}
	}
	return nil
}
