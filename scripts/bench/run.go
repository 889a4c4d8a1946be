package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// runTimeout bounds a run: a server that hangs must not hold up the others.
const runTimeout = 3 * time.Minute

// run is one load on one server.
type run struct {
	Scenario string          `json:"scenario"`
	Load     load            `json:"load"`
	Server   string          `json:"server"`
	Round    int             `json:"round"`
	Failure  string          `json:"failure,omitempty"`
	Figures  json.RawMessage `json:"result,omitempty"` // as "wpre-relay bench" wrote it

	result *result // nil if there is none
}

// conductor runs scenarios.
type conductor struct {
	bin     string // directory of the programs
	servers []server
	rounds  int
	settle  time.Duration // between connecting and the first event
}

// play runs all of a scenario, the servers in turn so that what else happens on the machine meets all of them. It
// tells each run as it begins. If ctx ends, it returns the runs so far and why.
func (c *conductor) play(ctx context.Context, s scenario, tell func(string)) ([]run, error) {
	var runs []run
	for round := 1; round <= c.rounds; round++ {
		for _, l := range s.loads {
			for _, v := range c.servers {
				if !slices.Contains(s.servers, v.name) {
					continue
				}
				tell(fmt.Sprintf("%s, %s, round %d of %d", s.title(l), v.name, round, c.rounds))
				r := c.run(ctx, v, l)
				if ctx.Err() != nil {
					return runs, context.Cause(ctx)
				}
				r.Scenario, r.Round = s.name, round
				runs = append(runs, r)
			}
		}
	}
	return runs, nil
}

// run loads a fresh server and judges what came of it.
func (c *conductor) run(ctx context.Context, v server, l load) run {
	r := run{Load: l, Server: v.name}
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("not done within %s", runTimeout))
	defer cancel()
	err := c.measure(ctx, v, &r)
	if err == nil {
		err = r.result.check(l)
	}
	if err == nil && v.name == "relay" {
		err = r.result.checkRelay(l)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		r.Failure = err.Error()
	}
	return r
}

// measure starts the server, loads it and fills in what is found out.
func (c *conductor) measure(ctx context.Context, v server, r *run) (err error) {
	s, err := newSite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	p, err := v.start(ctx, c.bin, s)
	if err != nil {
		return err
	}
	defer p.stop()
	cmd := command(ctx, append([]string{filepath.Join(c.bin, "wpre-relay")}, c.arguments(p, r.Load)...)...)
	var said strings.Builder
	cmd.Stderr = &said
	figures, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s %s", err, complaint(said.String()), s.complaint())
	}
	r.Figures, r.result = figures, new(result)
	return json.Unmarshal(figures, r.result)
}

// arguments returns those of "wpre-relay bench" for load l on p.
func (c *conductor) arguments(p *process, l load) []string {
	args := []string{
		"bench", "--json",
		"--url", "ws://127.0.0.1:" + p.site.port + "/",
		"--write", p.site.file,
		"--pid", strconv.Itoa(p.pid),
		"--clients", strconv.Itoa(l.Clients),
		"--stalled", strconv.Itoa(l.Stalled),
		"--churn", strconv.Itoa(l.Churn),
		"--events", strconv.Itoa(l.Events),
		"--size", strconv.Itoa(l.Size),
		"--every", l.Every.String(),
		"--settle", c.settle.String(),
	}
	if l.NoWait {
		args = append(args, "--no-wait")
	}
	return args
}

// writeJSON writes runs to file.
func writeJSON(file string, runs []run) error {
	text, err := json.MarshalIndent(runs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
