package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// commandNames returns the names of all commands.
func commandNames(app *kong.Application) (names []string) {
	for _, node := range app.Children {
		names = append(names, node.Name)
	}
	return names
}

// unknownCommand returns the error for a name that is not a command.
func unknownCommand(name string, commands []string) error {
	if near := suggest(name, commands); near != "" {
		return fmt.Errorf("%q is not a command; did you mean %q?", name, near)
	}
	return fmt.Errorf("%q is not a command; the commands are %s", name, strings.Join(commands, ", "))
}

// suggest returns the known name that is most similar to name, or "" if none is similar: if more than a third of
// its letters, and more than two, differ. Such a suggestion can still be wrong.
func suggest(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance returns the Levenshtein distance of a and b: the number of bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
