package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOnDemandProducesOncePerInterval has several requests at once, and one after each interval.
func TestOnDemandProducesOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		produced := 0
		o := newOnDemand(time.Minute, time.Second, func(context.Context) (any, error) {
			produced++
			time.Sleep(time.Second / 2)
			return produced, nil
		})
		for round := 1; round <= 3; round++ {
			for range 10 {
				go func() {
					want := fmt.Sprintf(`"result":%d}`, round)
					if result, err := o.get(t.Context()); err != nil || !strings.HasSuffix(string(result), want) {
						t.Errorf("got %s, %v, want %s", result, err, want)
					}
				}()
			}
			time.Sleep(time.Minute + time.Second)
			synctest.Wait()
		}
		if produced != 3 {
			t.Errorf("produced %d times, want 3", produced)
		}
	})
}

// TestOnDemandKeepsNoFailure lets the production fail, and the request end during it.
func TestOnDemandKeepsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("broken")
		o := newOnDemand(time.Minute, time.Second, func(ctx context.Context) (any, error) {
			if failure != nil {
				return nil, failure
			}
			<-ctx.Done()
			return "incomplete", nil
		})
		if _, err := o.get(t.Context()); err != failure {
			t.Errorf("got %v, want %v", err, failure)
		}
		failure = nil
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if result, err := o.get(ctx); err == nil {
			t.Errorf("got %s, although the request has ended", result)
		}
		o.produce = func(context.Context) (any, error) { return "complete", nil }
		if result, err := o.get(t.Context()); err != nil || !strings.Contains(string(result), `"complete"`) {
			t.Errorf("got %s, %v", result, err)
		}
	})
}
