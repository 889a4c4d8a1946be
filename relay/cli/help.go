package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// helpTexts has the help of flags by their names. A flag whose help fits into the line of its tag has it there;
// struct tags cannot be wrapped.
type helpTexts map[string]string

// commandHelp lists the help texts of each command's flags; the texts of "" belong to all commands.
var commandHelp = map[string][]helpTexts{
	"":       {generalHelp},
	"serve":  serveHelp,
	"config": serveHelp,
	"check":  append([]helpTexts{checkHelp}, serveHelp...),
	"demo":   {demoHelp},
	"tail":   {tailHelp},
	"bench":  {benchHelp},
	"token":  {tokenHelp},
}

// setHelp gives each flag its help. It returns an error if a flag has none, or if a text belongs to no flag.
func setHelp(parser *kong.Kong) error {
	for _, node := range append([]*kong.Node{parser.Model.Node}, parser.Model.Children...) {
		name := node.Name
		if node == parser.Model.Node {
			name = ""
		}
		texts := commandHelp[name]
		used := 0
		for _, flag := range node.Flags {
			for _, set := range texts {
				if text, ok := set["--"+flag.Name]; ok {
					flag.Help = text
					used++
				}
			}
			if flag.Help == "" {
				return fmt.Errorf("flag --%s of %q has no help", flag.Name, name)
			}
		}
		for _, set := range texts {
			used -= len(set)
		}
		if used != 0 {
			return fmt.Errorf("help of %q is for a flag that does not exist", name)
		}
	}
	return nil
}

// printHelp prints the help of the selected command. If none is selected, it prints the commands and the flags of
// serve.
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
	const synopsis = "Usage: %[1]s --watch=PATH [flags]\n       %[1]s <command> [flags]\n\nCommands:\n"
	fmt.Fprintf(&usage, synopsis, ctx.Model.Name)
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
	_, err = io.WriteString(ctx.Stdout, "\nRun \"wpre-relay <command> --help\" for the flags of a command.\n")
	return err
}
