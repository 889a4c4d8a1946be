package cli

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// Completion prints a script that completes all commands and flags in a shell.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish. For bash: source <(wpre-relay completion bash)"`

	grammar *kong.Application
}

//go:embed completion
var scripts embed.FS

// commandInfo describes a command for the templates of the scripts.
type commandInfo struct {
	Name, Help string
	Flags      []flagInfo
}

type flagInfo struct {
	Name, Help string
	Takes      string // "" for no value, else "file", "dir", "words" or "value"
	Words      []string
}

// AfterApply gets the grammar from kong.
func (c *Completion) AfterApply(parser *kong.Kong) error {
	c.grammar = parser.Model
	return nil
}

func (*Completion) validate() error { return nil }

func (c *Completion) run(_ context.Context, env Env) error {
	functions := template.FuncMap{"quote": quote, "join": strings.Join}
	parsed, err := template.New(c.Shell).Funcs(functions).ParseFS(scripts, "completion/"+c.Shell)
	if err != nil {
		return fmt.Errorf("parse the completion script for %s: %w", c.Shell, err)
	}
	return parsed.Execute(env.Stdout, describe(c.grammar))
}

// describe returns all commands. The first one has no name: it has the flags of serve, which need no command.
func describe(app *kong.Application) []commandInfo {
	commands := []commandInfo{{}}
	for _, node := range app.Children {
		info := commandInfo{Name: node.Name, Help: node.Help}
		for _, flags := range node.AllFlags(true) {
			for _, f := range flags {
				info.Flags = append(info.Flags, describeFlag(f))
			}
		}
		commands = append(commands, info)
		if node.Name == "serve" {
			commands[0].Flags = info.Flags
		}
	}
	return commands
}

func describeFlag(f *kong.Flag) flagInfo {
	first, _, _ := strings.Cut(f.Help, " (default")
	info := flagInfo{Name: f.Name, Help: strings.SplitAfter(first, ". ")[0]}
	switch {
	case f.IsBool():
	case f.Enum != "":
		info.Takes, info.Words = "words", f.EnumSlice()
	case f.Name == "log-level":
		info.Takes, info.Words = "words", []string{"debug", "info", "warn", "error"}
	case f.PlaceHolder == "FILE" || f.PlaceHolder == "PATH":
		info.Takes = "file"
	case f.PlaceHolder == "DIR":
		info.Takes = "dir"
	default:
		info.Takes = "value"
	}
	return info
}

// quote returns text in single quotes for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
