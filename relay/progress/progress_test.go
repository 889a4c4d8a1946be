package progress_test

import (
	"strings"
	"testing"

	"wpre-relay/relay/progress"
)

func TestLineReplacesItselfOnATerminalOnly(t *testing.T) {
	long := strings.Repeat("µ", 90)
	for terminal, want := range map[bool]string{
		false: "first\n" + long + "\n",
		true:  "\rfirst\x1b[K\r" + strings.Repeat("µ", 78) + "…\x1b[K\r\x1b[K",
	} {
		var out strings.Builder
		line := progress.Line{Out: &out, Terminal: terminal}
		line.Show("first")
		line.Show(long)
		line.Clear()
		if out.String() != want {
			t.Errorf("terminal %t: %q, want %q", terminal, out.String(), want)
		}
	}
}
