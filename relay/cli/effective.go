package cli

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// Config are the settings of the relay, to be shown instead of used. They need not make sense.
type Config struct{ Serve }

// setting is one setting with where its value comes from.
type setting struct {
	name, value, origin string
}

// effective returns the settings of the command that was given, in the order of its help.
func effective(ctx *kong.Context, file kong.ConfigFlag) ([]setting, error) {
	origins := make(map[string]string)
	for _, step := range ctx.Path {
		switch {
		case step.Flag == nil:
		case step.Resolved:
			origins[step.Flag.Name] = string(file)
		default:
			origins[step.Flag.Name] = "--" + step.Flag.Name
		}
	}
	var settings []setting
	for _, flags := range ctx.Selected().AllFlags(true) {
		for _, flag := range flags {
			if slices.Contains([]string{"help", "version", "config"}, flag.Name) {
				continue
			}
			value, err := plain(flag.Target)
			if err != nil {
				return nil, fmt.Errorf("--%s: %w", flag.Name, err)
			}
			settings = append(settings, setting{flag.Name, value, originOf(flag, origins[flag.Name])})
		}
	}
	return settings, nil
}

func originOf(flag *kong.Flag, said string) string {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set && said == "" {
			return name
		}
	}
	if said == "" {
		return "default"
	}
	return said
}

// plain returns a setting's value as YAML that a configuration file takes. A password in an address is not shown.
func plain(value reflect.Value) (string, error) {
	var v any
	switch value.Kind() {
	case reflect.Slice:
		all := make([]any, value.Len())
		for i := range all {
			all[i] = scalar(value.Index(i))
		}
		v = all
	default:
		v = scalar(value)
	}
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return "", err
	}
	node.Style = yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	return strings.TrimSpace(string(text)), err
}

func scalar(value reflect.Value) any {
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

// redacted returns an address without password; where there is only a user, that may be a token.
func redacted(address *url.URL) string {
	shown := *address
	if _, set := shown.User.Password(); !set && shown.User != nil {
		shown.User = url.User("xxxxx")
	}
	return shown.Redacted()
}

// printSettings writes the settings as a configuration file, each with where it comes from.
func printSettings(settings []setting, out io.Writer) error {
	width := 0
	for _, s := range settings {
		width = max(width, min(44, len(s.name)+len(s.value)+2))
	}
	for _, s := range settings {
		if _, err := fmt.Fprintf(out, "%-*s  # %s\n", width, s.name+": "+s.value, s.origin); err != nil {
			return err
		}
	}
	return nil
}
