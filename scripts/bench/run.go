package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// runTimeout bounds a run, so that a server that hangs does not delay the others.
const runTimeout = 3 * time.Minute

// run is one load on one server.
type run struct {
	Scenario string          `json:"scenario"`
	Load     load            `json:"load"`
	Server   string          `json:"server"`
	Round    int             `json:"round"`
	Failure  string          `json:"failure,omitempty"`
	Output   json.RawMessage `json:"result,omitempty"` // as "wpre-relay bench" wrote it

	result *result // nil if there is none
}

// runner runs scenarios.
type runner struct {
	bin     string // directory of the programs
	storage storage
	servers []server
	settle  time.Duration // between connecting and the first event
}

// runScenario runs a scenario with all servers. In each round, the servers take turns, so that other activity on the
// machine affects all of them, and another one is the first. It calls progress at the start of each run. If ctx ends,
// it returns the runs so far and the cause. earlier is the number of rounds before.
func (c *runner) runScenario(ctx context.Context, s scenario, earlier int, progress func(string)) ([]run, error) {
	var runs []run
	others := func(v server) bool { return !slices.Contains(s.servers, v.name) }
	turns := slices.DeleteFunc(slices.Clone(c.servers), others)
	for round := earlier + 1; round <= earlier+s.rounds; round++ {
		for _, l := range s.loads {
			for i := range turns {
				v := turns[(i+round)%len(turns)]
				progress(fmt.Sprintf("%s, %s, round %d of %d", s.title(l), v.name, round, earlier+s.rounds))
				r := c.runOne(ctx, v, l)
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

// runOne loads a new server and checks the result.
func (c *runner) runOne(ctx context.Context, v server, l load) run {
	r := run{Load: l, Server: v.name}
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("not done within %s", runTimeout))
	defer cancel()
	err := c.measure(ctx, v, &r)
	if err == nil {
		err = r.result.check(l)
	}
	if err == nil && v.relay() {
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

// measure starts the server, loads it and sets the output and the result of r.
func (c *runner) measure(ctx context.Context, v server, r *run) (err error) {
	s, err := newSite(c.storage[cmp.Or(r.Load.Storage, "tmpfs")])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	p, err := v.start(ctx, c.bin, s, r.Load.Cores)
	if err != nil {
		return err
	}
	defer p.stop()
	args := append([]string{filepath.Join(c.bin, "wpre-relay")}, c.arguments(p, r.Load)...)
	if cores := r.Load.Cores; cores > 0 && cores < runtime.NumCPU() {
		args = onCores(args, cores, runtime.NumCPU()-cores)
	}
	cmd := command(ctx, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s %s", err, lastMessage(stderr.String()), s.lastLogLine())
	}
	r.Output, r.result = output, new(result)
	return json.Unmarshal(output, r.result)
}

// arguments returns the arguments of "wpre-relay bench" for load l on p.
func (c *runner) arguments(p *process, l load) []string {
	args := []string{
		"bench", "--json",
		"--url", p.url,
		"--write", p.site.file,
		"--pid", strings.Join(p.pids, ","),
		"--clients", strconv.Itoa(l.Clients),
		"--stalled", strconv.Itoa(l.Stalled),
		"--herd", strconv.Itoa(l.Herd),
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
