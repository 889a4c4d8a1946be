package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// printHelp prints kong's help of a command, and where none is named, what the program is, its commands and the
// flags of the default one.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if ctx.Selected() != nil {
		return kong.DefaultHelpPrinter(options, ctx)
	}
	serve, err := kong.Trace(ctx.Kong, []string{"serve"})
	if err != nil {
		return err
	}
	node := serve.Selected()
	defer func(help string) { node.Help = help }(node.Help)
	var usage strings.Builder
	fmt.Fprintf(&usage, "Usage: %[1]s --watch=PATH [flags]\n       %[1]s <command> [flags]\n\nCommands:\n", ctx.Model.Name)
	for _, command := range ctx.Model.Children {
		fmt.Fprintf(&usage, "  %-12s %s\n", command.Name, command.Help)
	}
	if _, err := io.WriteString(ctx.Stdout, usage.String()); err != nil {
		return err
	}
	node.Help = ctx.Model.Help
	options.NoAppSummary = true
	if err := kong.DefaultHelpPrinter(options, serve); err != nil {
		return err
	}
	_, err = io.WriteString(ctx.Stdout, "\nRun \"wpre-relay <command> --help\" for more on a command.\n")
	return err
}
