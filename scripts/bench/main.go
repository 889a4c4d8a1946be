// Bench compares wpre-relay with the least that a program can do, and with what others would write. It starts each
// server afresh for every run, has "wpre-relay bench" load it, and prints tables in Markdown. Its exit status is 1 if a
// server failed or the relay lost or repeated anything; how long something took never decides. See scripts/bench.sh,
// which builds all that it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := options.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what is asked for.
type options struct {
	bin       string
	rounds    int
	scenarios []scenario
	servers   []server
	json      string // file for all results; "" for none
	smoke     bool
}

func parse(args []string) (options, error) {
	var o options
	var scenarioNames, serverNames []string
	flags := flag.NewFlagSet("bench.sh", flag.ExitOnError)
	flags.StringVar(&o.bin, "bin", "", "`directory` of the programs, for scripts/bench.sh")
	flags.IntVar(&o.rounds, "rounds", 2, "how often everything is run; figures are medians")
	flags.Func("scenario", "only these `names`, with commas: "+strings.Join(names(scenarios), ", "), list(&scenarioNames))
	flags.Func("servers", "only these `names`, with commas: "+strings.Join(names(servers), ", "), list(&serverNames))
	flags.StringVar(&o.json, "json", "", "also write all results to this `file`")
	flags.BoolVar(&o.smoke, "smoke", false, "only see whether everything runs: little of each, in one round")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		return o, errors.New("there are no arguments, and at least one round; see --help")
	}
	var err1, err2 error
	o.scenarios, err1 = choose(scenarios, scenarioNames)
	o.servers, err2 = choose(servers, serverNames)
	return o, errors.Join(err1, err2)
}

// list returns a parser that adds names with commas between them to all.
func list(all *[]string) func(string) error {
	return func(value string) error {
		*all = append(*all, strings.Split(value, ",")...)
		return nil
	}
}

func (s scenario) String() string { return s.name }

func (s server) String() string { return s.name }

func names[T fmt.Stringer](all []T) []string {
	var names []string
	for _, one := range all {
		names = append(names, one.String())
	}
	return names
}

// choose returns those of the given names, or all if no name is given.
func choose[T fmt.Stringer](all []T, wanted []string) ([]T, error) {
	for _, name := range wanted {
		if !slices.Contains(names(all), name) {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(names(all), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool {
		return len(wanted) > 0 && !slices.Contains(wanted, one.String())
	}), nil
}

// run prints the heading and plays the scenarios. It fails if anything did.
func (o options) run(ctx context.Context) error {
	c := conductor{bin: o.bin, rounds: o.rounds, settle: 500 * time.Millisecond}
	if o.smoke {
		c.rounds, c.settle = 1, 100*time.Millisecond
	}
	c.servers = slices.DeleteFunc(slices.Clone(o.servers), func(s server) bool { return !s.built(o.bin) })
	o.head(&c)
	all, err := o.play(ctx, &c)
	if o.json != "" {
		err = errors.Join(err, writeJSON(o.json, all))
	}
	for _, r := range all {
		if r.Failure != "" {
			err = errors.Join(err, fmt.Errorf("%s %s, %s: %s", r.Scenario, r.Load.Name, r.Server, r.Failure))
		}
	}
	return err
}

// head says what the figures are of.
func (o options) head(c *conductor) {
	fmt.Printf("# wpre-relay and others\n\n%s.\n", machine(o.bin))
	if o.smoke {
		fmt.Println("Little of each, to see that everything runs: the figures mean nothing.")
	} else {
		fmt.Printf("Medians; rounds: %d.\n", c.rounds)
	}
	if missing := slices.DeleteFunc(slices.Clone(o.servers), func(s server) bool { return s.built(o.bin) }); len(missing) > 0 {
		fmt.Printf("Not there, so not measured: %s.\n", strings.Join(names(missing), ", "))
	}
}

// play plays the scenarios and prints the table of each when it is done.
func (o options) play(ctx context.Context, c *conductor) ([]run, error) {
	var all []run
	tell := func(what string) { fmt.Fprintln(os.Stderr, what) }
	for _, s := range o.scenarios {
		if o.smoke {
			s = s.small()
		}
		runs, err := c.play(ctx, s, tell)
		all = append(all, runs...)
		if err != nil {
			return all, err
		}
		report{scenario: s, runs: runs}.write(os.Stdout)
	}
	return all, nil
}
