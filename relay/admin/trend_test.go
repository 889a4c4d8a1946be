package admin_test

import (
	"context"
	"encoding/json"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/admin"
)

// TestTrendCoversAnHourAndADay runs a monitor for more than a day of virtual time.
func TestTrendCoversAnHourAndADay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, admin.Options{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Hour)
		defer cancel()
		f.monitor.Run(ctx, f.health)
	})
	samples := func(query string) (all []admin.Sample) {
		t.Helper()
		if _, body := f.get("/api/trend" + query); json.Unmarshal([]byte(body), &all) != nil {
			t.Fatal(body)
		}
		return all
	}
	for query, want := range map[string]struct {
		count    int
		interval time.Duration
	}{"": {720, 5 * time.Second}, "?range=day": {720, 2 * time.Minute}} {
		all := samples(query)
		if len(all) != want.count {
			t.Fatalf("%q: %d samples, want %d", query, len(all), want.count)
		}
		for i := range all[1:] {
			if got := all[i+1].Time.Sub(all[i].Time); got != want.interval {
				t.Fatalf("%q: %v between two samples, want %v", query, got, want.interval)
			}
		}
	}
	all := samples("")
	after := url.QueryEscape(all[len(all)-3].Time.Format(time.RFC3339Nano))
	if got := samples("?after=" + after); len(got) != 2 || got[0].Time != all[len(all)-2].Time {
		t.Errorf("%d samples after the third last", len(got))
	}
}
