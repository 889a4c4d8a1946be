package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeRun returns a run of the delivery scenario whose CPU time per delivery is this many microseconds.
func fakeRun(server string, round int, cpu string) run {
	return run{
		Scenario: "delivery", Server: server, Round: round, Load: deliveryLoad(),
		Output: []byte(`{"cpu_per_delivery_us": ` + cpu + `}`),
	}
}

func delivery() scenario {
	return scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == "delivery" })]
}

func deliveryLoad() load { return delivery().loads[0] }

// TestCampaignIsReadBack saves two rounds and reads them. The median of the ratios is not the ratio of the medians.
func TestCampaignIsReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "campaign.json")
	saved := campaign{runs: []run{
		fakeRun("baseline", 1, "1"), fakeRun("relay", 1, "3"),
		fakeRun("baseline", 2, "10"), fakeRun("relay", 2, "10"),
	}}
	if err := saved.save(file); err != nil {
		t.Fatal(err)
	}
	c, err := readCampaign(file)
	if err != nil || c.rounds("delivery") != 2 || c.rounds("herd") != 0 {
		t.Fatalf("got %+v, %v", c, err)
	}
	var table strings.Builder
	c.writeSummary(&table, scenarios, servers[:2])
	want := "| CPU per delivery, 1,000 clients | 6.50 µs (2.00×) | 5.50 µs |\n"
	if !strings.Contains(table.String(), want) || strings.Contains(table.String(), "15,000") {
		t.Errorf("got %s, want %s", table.String(), want)
	}
}

func TestCampaignStartsEmpty(t *testing.T) {
	c, err := readCampaign(filepath.Join(t.TempDir(), "missing.json"))
	if err != nil || len(c.runs) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestSummaryNamesScenarios(t *testing.T) {
	for _, row := range summaryRows {
		found := slices.ContainsFunc(scenarios, func(s scenario) bool {
			return s.name == row.scenario &&
				slices.ContainsFunc(s.loads, func(l load) bool { return l.Name == row.load })
		})
		if !found {
			t.Errorf("%s: no scenario %s with load %q", row.title, row.scenario, row.load)
		}
	}
}
