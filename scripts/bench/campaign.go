package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// campaign has the runs of several calls of this program, which the file of --json keeps.
type campaign struct {
	runs []run
}

// readCampaign reads the campaign in file. It is empty if file is "" or does not exist.
func readCampaign(file string) (campaign, error) {
	var c campaign
	if file == "" {
		return c, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &c.runs)
	}
	for i := range c.runs {
		if r := &c.runs[i]; err == nil && len(r.Output) > 0 {
			r.result = new(result)
			err = json.Unmarshal(r.Output, r.result)
		}
	}
	if err != nil {
		return c, fmt.Errorf("--json %s: %w", file, err)
	}
	return c, nil
}

// save writes the campaign to file.
func (c *campaign) save(file string) error {
	text, err := json.MarshalIndent(c.runs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// lastRound returns the number of the last round of this scenario, 0 if there is none.
func (c *campaign) lastRound(scenario string) int {
	last := 0
	for _, r := range c.runs {
		if r.Scenario == scenario {
			last = max(last, r.Round)
		}
	}
	return last
}

// rounds returns the number of rounds of this scenario. With --load, not every round has every load.
func (c *campaign) rounds(scenario string) int {
	type series struct {
		load   load
		server string
	}
	count, most := map[series]int{}, 0
	for _, r := range c.runs {
		if r.Scenario == scenario {
			count[series{r.Load, r.Server}]++
			most = max(most, count[series{r.Load, r.Server}])
		}
	}
	return most
}

// report returns the report of this scenario.
func (c *campaign) report(s scenario) report {
	s.rounds = c.rounds(s.name)
	others := func(r run) bool { return r.Scenario != s.name }
	return report{scenario: s, runs: slices.DeleteFunc(slices.Clone(c.runs), others)}
}
