package cli

import "testing"

func TestSuggestReturnsTheMostSimilarName(t *testing.T) {
	known := []string{"listen", "history", "history-age", "max-clients", "pprof"}
	for name, want := range map[string]string{
		"listn":      "listen",
		"Listen":     "listen",
		"histroy":    "history",
		"historyage": "history-age",
		"maxclients": "max-clients",
		"prof":       "pprof",
		"database":   "",
		"":           "",
	} {
		if got := suggest(name, known); got != want {
			t.Errorf("suggest(%q) = %q, want %q", name, got, want)
		}
	}
}
