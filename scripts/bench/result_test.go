package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestResultChecks checks results of a relay with two clients that read and one stalled client.
func TestResultChecks(t *testing.T) {
	tests := []struct {
		name, change string // change is merged into the result of a run without failures
		noWait       bool
		want         string // part of the error, "" for none
	}{
		{name: "no failure"},
		{name: "client rejected", change: `"refused": 1, "first_refusal": "503"`, want: "503"},
		{name: "client missing", change: `"connected": 2`, want: "2 of 3"},
		{name: "protocol violation", change: `"errors": 1, "first_error": "masked"`, want: "masked"},
		{name: "stalled client closed", change: `"ended": {"1013": 1}`},
		{name: "other client closed too", change: `"ended": {"1013": 1, "1006": 1}`, want: "2 connections"},
		{name: "no delivery", change: `"deliveries": 0`, want: "no event"},
		{name: "no delivery, no wait", change: `"deliveries": 0, "captured": 0, "lost": 20`, noWait: true},
		{name: "delivery lost", change: `"lost": 1`, want: "1 deliveries were lost"},
		{name: "event overwritten", change: `"captured": 9, "lost": 2`, noWait: true},
		{name: "more lost than overwritten", change: `"captured": 9, "lost": 3`, noWait: true, want: "1 deliveries"},
		{name: "event repeated", change: `"repeated": 1`, want: "repeated"},
		{name: "event altered", change: `"altered": 1`, want: "not as written"},
		{name: "herd missing", change: `"herd": {"clients": 5, "connected": 4}`, want: "4 of the herd's 5"},
		{name: "event out of order", change: `"out_of_order": 1`, want: "out of order"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &result{Clients: 3, Connected: 3, Stalled: 1, Events: 10, Captured: 10, Deliveries: 20}
			if err := json.Unmarshal([]byte("{"+test.change+"}"), r); err != nil {
				t.Fatal(err)
			}
			l := load{NoWait: test.noWait}
			err := r.check(l)
			if err == nil {
				err = r.checkRelay(l)
			}
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("with %s: %v, want %q", test.change, err, test.want)
			}
		})
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.00", 0.004: "0.00", 9.994: "9.99", 9.996: "10.0", 99.94: "99.9", 99.96: "100", 999.6: "1,000",
		12345: "12,300", 1234567: "1,230,000", -376.4: "-376",
	} {
		if got := formatNumber(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
