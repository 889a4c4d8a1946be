package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/alecthomas/kong"
)

// UsageError is an error in the arguments, the environment or the configuration file.
type UsageError struct {
	Err     error
	Command string // the command that was selected, "" for none
}

// Error returns the error with a hint at the help.
func (e *UsageError) Error() string {
	if e.Command == "" || e.Command == "help" {
		return e.Err.Error() + "\nTry: wpre-relay help"
	}
	return e.Err.Error() + "\nTry: wpre-relay help " + e.Command
}

// Unwrap returns the error itself.
func (e *UsageError) Unwrap() error { return e.Err }

// PrintError writes err to w and returns the exit status of the program: 2 for a UsageError, otherwise 1.
func PrintError(w io.Writer, err error) (status int) {
	fmt.Fprintln(w, "wpre-relay: "+err.Error())
	if _, usage := errors.AsType[*UsageError](err); usage {
		return 2
	}
	return 1
}

// unexpectedWord matches kong's error for an argument that can be a mistyped command.
var unexpectedWord = regexp.MustCompile(`^unexpected argument ([a-z-]+)$`)

// newUsageError returns the error of a command line. Kong takes an unknown command for an argument of serve, the
// default command; the error then names the command that was meant.
func newUsageError(err error, app *kong.Application) *UsageError {
	command := "serve"
	if parsing, ok := errors.AsType[*kong.ParseError](err); ok && parsing.Context.Selected() != nil {
		command = parsing.Context.Selected().Name
	}
	if word := unexpectedWord.FindStringSubmatch(err.Error()); word != nil && command == "serve" {
		return &UsageError{Err: unknownCommand(word[1], commandNames(app))}
	}
	return &UsageError{Err: err, Command: command}
}
