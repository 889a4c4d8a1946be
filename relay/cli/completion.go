package cli

import (
	"embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// Completion are the settings of the script for a shell.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish. For bash: source <(wpre-relay completion bash)"`
}

//go:embed completion
var scripts embed.FS

// command is a command as the scripts see it.
type command struct {
	Name, Help string
	Flags      []flag
}

type flag struct {
	Name, Help string
	Takes      string // "" for none, "file", "folder", "words" or "value"
	Words      []string
}

// PrintCompletion writes to out a script for the shell that was asked for, which completes all commands and flags.
func (c *CLI) PrintCompletion(out io.Writer) error {
	name := c.Completion.Shell
	parsed, err := template.New(name).Funcs(template.FuncMap{"quote": quote, "join": strings.Join}).ParseFS(scripts, "completion/"+name)
	if err != nil {
		return fmt.Errorf("the script for %s: %w", name, err)
	}
	return parsed.Execute(out, describe(c.parser.Model))
}

// describe returns the commands, first that without a name, whose flags are those of serve.
func describe(app *kong.Application) []command {
	commands := []command{{}}
	for _, node := range app.Children {
		described := command{Name: node.Name, Help: node.Help}
		for _, flags := range node.AllFlags(true) {
			for _, f := range flags {
				described.Flags = append(described.Flags, describeFlag(f))
			}
		}
		commands = append(commands, described)
		if node.Name == "serve" {
			commands[0].Flags = described.Flags
		}
	}
	return commands
}

func describeFlag(f *kong.Flag) flag {
	first, _, _ := strings.Cut(f.Help, " (default")
	d := flag{Name: f.Name, Help: strings.SplitAfter(first, ". ")[0]}
	switch {
	case f.IsBool():
	case f.Enum != "":
		d.Takes, d.Words = "words", f.EnumSlice()
	case f.Name == "log-level":
		d.Takes, d.Words = "words", []string{"debug", "info", "warn", "error"}
	case f.PlaceHolder == "FILE" || f.PlaceHolder == "PATH":
		d.Takes = "file"
	case f.PlaceHolder == "DIR":
		d.Takes = "folder"
	default:
		d.Takes = "value"
	}
	return d
}

// quote returns text in single quotes for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
