package cli

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/progress"
)

func TestProgressOverwritesOneLineOnATerminalOnly(t *testing.T) {
	for _, tc := range []struct {
		terminal bool
		lasts    time.Duration
		want     string
	}{
		{false, 4 * time.Second, ""},
		{false, 11 * time.Second, "checking: 5s of about 30s\nchecking: 10s of about 30s\n"},
		{true, 500 * time.Millisecond, strings.Repeat("\rchecking: 0s of about 30s\x1b[K", 2) + "\r\x1b[K"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			end := showProgress(progress.Line{Out: &out, Terminal: tc.terminal}, 30*time.Second)
			time.Sleep(tc.lasts)
			end()
			if out.String() != tc.want {
				t.Errorf("%q, want %q", out.String(), tc.want)
			}
		})
	}
}
