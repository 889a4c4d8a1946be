package cli

import (
	"errors"
	"fmt"
	"io"
)

// UsageError is an error in the arguments, the environment or the configuration file.
type UsageError struct{ Err error }

// Error returns the error with a hint at the help.
func (e *UsageError) Error() string { return e.Err.Error() + "\nTry: wpre-relay --help" }

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
