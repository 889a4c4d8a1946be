package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/fileop"
)

// newGroup returns a group and its log.
func newGroup() (*group, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &group{logger: slog.New(slog.NewTextHandler(log, nil))}, log
}

func TestStopContinuesWithoutAComponentThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := newGroup()
		release, ended := make(chan struct{}), false
		stopHanging := g.start("hanging", stopLimit, func(context.Context) { <-release })
		stopOther := g.start("other", stopLimit, func(ctx context.Context) { <-ctx.Done(); ended = true })
		begin := time.Now()
		stopHanging()
		stopOther()
		if took := time.Since(begin); took != stopLimit || !ended {
			t.Errorf("the stop took %s; the other component ended: %t", took, ended)
		}
		if !strings.Contains(log.String(), "component=hanging") || strings.Contains(log.String(), "component=other") {
			t.Errorf("the log is\n%s", log)
		}
		close(release)
	})
}

// TestStopIsBounded stops a relay that hangs, and one that is still being opened.
func TestStopIsBounded(t *testing.T) {
	const drain = 10 * time.Second
	for opened, want := range map[bool]time.Duration{true: drain + stopGrace, false: stopGrace} {
		synctest.Test(t, func(t *testing.T) {
			g, _ := newGroup()
			release, isOpened := make(chan struct{}), make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			if opened {
				close(isOpened)
			}
			time.AfterFunc(time.Hour, cancel)
			begin := time.Now()
			err := g.bounded(ctx, drain, isOpened, func() error {
				g.wait("journal", 0, func() { <-release })
				return nil
			})
			if !errors.Is(err, errStopTimeout) || !strings.Contains(err.Error(), "journal") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begin) - time.Hour; took != want {
				t.Errorf("opened %t: the stop took %s, want %s", opened, took, want)
			}
			close(release)
		})
	}
}

func TestStartIsBoundedIfAFileHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGroup()
		release := make(chan struct{})
		begin := time.Now()
		err := g.bounded(t.Context(), time.Second, make(chan struct{}), func() error {
			defer fileop.Begin("open", "/mnt/state").End()
			<-release
			return nil
		})
		if !errors.Is(err, fileop.ErrHangs) || !strings.Contains(err.Error(), "open /mnt/state") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != startLimit {
			t.Errorf("the start took %s, want %s", took, startLimit)
		}
		close(release)
	})
}
