// Package progress shows what a command is doing. It reads no clock: the caller chooses when to show what.
package progress

import (
	"fmt"
	"io"
)

// Line is a line of progress. On a terminal, each text replaces the one before; elsewhere, each text is a line of its
// own. The zero Line shows nothing.
type Line struct {
	Out      io.Writer
	Terminal bool // Out is a terminal
}

// width bounds a text on a terminal, in characters. A terminal usually has at least 80 columns. A longer text would
// take two lines, of which only the second could be replaced.
const width = 79

// Show shows a text of one line.
func (l Line) Show(text string) {
	switch characters := []rune(text); {
	case l.Out == nil:
	case !l.Terminal:
		fmt.Fprintln(l.Out, text)
	case len(characters) > width:
		fmt.Fprintf(l.Out, "\r%s…\x1b[K", string(characters[:width-1]))
	default:
		fmt.Fprintf(l.Out, "\r%s\x1b[K", text)
	}
}

// Clear removes the text from a terminal.
func (l Line) Clear() {
	if l.Terminal {
		fmt.Fprint(l.Out, "\r\x1b[K")
	}
}
