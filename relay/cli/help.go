package cli

import (
	"fmt"
	"io"

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
	node.Help = ctx.Model.Help
	if _, err := fmt.Fprintf(ctx.Stdout, "Usage: %s --watch=PATH [flags]\n", ctx.Model.Name); err != nil {
		return err
	}
	for _, command := range ctx.Model.Children {
		if command != node {
			fmt.Fprintf(ctx.Stdout, "       %s\n", command.Summary())
		}
	}
	options.NoAppSummary = true
	if err := kong.DefaultHelpPrinter(options, serve); err != nil {
		return err
	}
	_, err = io.WriteString(ctx.Stdout, "\nRun \"wpre-relay <command> --help\" for more on a command.\n")
	return err
}
