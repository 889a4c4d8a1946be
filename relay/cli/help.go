package cli

import (
	"context"
	"fmt"
	"slices"
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

	"companion": {companionHelp},
	"token":     {tokenHelp},
	"up":        {upHelp},

	"healthcheck": {healthcheckHelp},
}

// setHelp gives each flag its help. It returns an error if a flag has none, or if a text belongs to no flag.
func setHelp(parser *kong.Kong) error {
	parser.Model.HelpFlag.Help = "Print this help and exit."
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

// Help prints the help of the program or of a command.
type Help struct {
	Command string `arg:"" optional:"" help:"Name of the command."`

	parser *kong.Kong
}

// AfterApply gets the parser from kong.
func (h *Help) AfterApply(parser *kong.Kong) error {
	h.parser = parser
	return nil
}

func (h *Help) validate() error {
	names := commandNames(h.parser.Model)
	if h.Command == "" || slices.Contains(names, h.Command) {
		return nil
	}
	return unknownCommand(h.Command, names)
}

func (h *Help) run(context.Context, Env) error {
	ctx, err := kong.Trace(h.parser, strings.Fields(h.Command))
	if err != nil {
		return err
	}
	if h.Command == "" {
		return printOverview(ctx)
	}
	return printHelp(helpOptions, ctx)
}

// printHelp prints the help of the selected command, or the overview if none is selected.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if ctx.Selected() == nil {
		return printOverview(ctx)
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
