package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/durable"
)

// TestIsDue lists the limits of the heuristic: a page that is later than usual is not due, and one that lost its
// connection a multiple of 5 seconds before another one is due at the same time.
func TestIsDue(t *testing.T) {
	const second = time.Second
	for _, tc := range []struct {
		age  time.Duration
		want bool
	}{
		{0, false},
		{1 * second, false}, // a reload, which is not counted as a return
		{4999 * time.Millisecond, false},
		{5 * second, true},
		{6499 * time.Millisecond, true}, // the timer of a background page
		{6500 * time.Millisecond, false},
		{7 * second, false}, // wrong for a page whose first attempt took 2 seconds
		{9999 * time.Millisecond, false},
		{10 * second, true}, // the second attempt, or another tab 5 seconds later
		{60 * second, true},
		{62 * second, false},
	} {
		if got := isDue(tc.age); got != tc.want {
			t.Errorf("isDue(%v) = %v, want %v", tc.age, got, tc.want)
		}
	}
}

// TestTakeReturnsTheTabThatIsDue loses the connections of tabs and lets them reconnect in virtual time.
func TestTakeReturnsTheTabThatIsDue(t *testing.T) {
	type step struct {
		at   time.Duration
		lost uint64 // lastDelivered of a lost connection; 0: a tab reconnects
		want uint64 // lastDelivered that the tab gets; 0: none
	}
	const second = time.Second
	for name, steps := range map[string][]step{
		"no lost connection":     {{0, 0, 0}},
		"one tab":                {{0, 7, 0}, {5 * second, 0, 7}, {6 * second, 0, 0}},
		"in order":               {{0, 1, 0}, {2 * second, 5, 0}, {5 * second, 0, 1}, {7 * second, 0, 5}},
		"the second one first":   {{0, 1, 0}, {2 * second, 5, 0}, {7 * second, 0, 5}, {10 * second, 0, 1}},
		"none is due":            {{0, 1, 0}, {2 * second, 5, 0}, {4 * second, 0, 1}},
		"wrong: 5 seconds apart": {{0, 1, 0}, {5 * second, 5, 0}, {10 * second, 0, 1}},
		"too late":               {{0, 1, 0}, {2*time.Minute + second, 0, 0}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSessions(durable.OS, "")
			begin := time.Now()
			for i, step := range steps {
				time.Sleep(time.Until(begin.Add(step.at)))
				if step.lost != 0 {
					s.add(lostConnection{"browser", step.lost, time.Now()})
					continue
				}
				if lost, ok := s.take("browser"); lost.lastDelivered != step.want || ok != (step.want != 0) {
					t.Errorf("%s, step %d: got %d, want %d", name, i, lost.lastDelivered, step.want)
				}
			}
		})
	}
}

func TestRestoredConnectionKeepsItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(durable.OS, "")
		for n := range uint64(3) {
			s.add(lostConnection{"browser", n + 1, time.Now()})
			time.Sleep(time.Second)
		}
		lost, _ := s.take("browser")
		s.add(lost)
		for want := range uint64(3) {
			if lost, ok := s.take("browser"); !ok || lost.lastDelivered != want+1 {
				t.Errorf("got %d, want %d", lost.lastDelivered, want+1)
			}
		}
		lost.at = time.Now().Add(-sessionLifetime - time.Second)
		s.add(lost)
		if s.byAge.Len() != 0 || len(s.byBrowser) != 0 {
			t.Errorf("an outdated connection is kept: %d, %d", s.byAge.Len(), len(s.byBrowser))
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(durable.OS, "")
	now := time.Now()
	s.add(lostConnection{"oldest", 1, now})
	for range maxLostConnections {
		s.add(lostConnection{"other", 2, now})
	}
	if n := s.byAge.Len(); n != maxLostConnections {
		t.Errorf("%d connections are kept, want %d", n, maxLostConnections)
	}
	if _, ok := s.take("oldest"); ok {
		t.Error("the oldest connection is kept")
	}
}

func TestSessionsSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resume.json")
	logger := slog.New(slog.DiscardHandler)
	first := newSessions(durable.OS, file)
	now := time.Now()
	first.add(lostConnection{"a", 1, now.Add(-3 * time.Second)})
	first.add(lostConnection{"b", 2, now.Add(-2 * time.Second)})
	first.add(lostConnection{"a", 3, now.Add(-1 * time.Second)})
	if err := first.save("epoch"); err != nil {
		t.Fatal(err)
	}
	second := loadSessions(durable.OS, file, "epoch", logger)
	for i, browser := range []string{"a", "b", "a"} {
		if lost, ok := second.take(browser); !ok || lost.lastDelivered != uint64(i+1) {
			t.Errorf("browser %s: got %d, want %d", browser, lost.lastDelivered, i+1)
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file still exists after the load: %v", err)
	}
	if err := first.save("epoch"); err != nil {
		t.Fatal(err)
	}
	if other := loadSessions(durable.OS, file, "other", logger); other.byAge.Len() != 0 {
		t.Error("sessions of another epoch are kept")
	}
}

// TestSessionsFileFormat reads a file as version 1.0.0 writes it.
func TestSessionsFileFormat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resume.json")
	at := time.Now().Add(-time.Second).Format(time.RFC3339Nano)
	text := `{"epoch":"k3x9","browsers":{"ABC":[{"had":17,"at":"` + at + `"}]}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := loadSessions(durable.OS, file, "k3x9", slog.New(slog.DiscardHandler))
	if lost, ok := s.take("ABC"); !ok || lost.lastDelivered != 17 {
		t.Errorf("got %+v, %v", lost, ok)
	}
}
