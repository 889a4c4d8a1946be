// Bench compares wpre-relay with a minimal program (the baseline) and with servers built on common libraries (the
// competitors). It starts a new server for every run, loads it with "wpre-relay bench" and prints tables in Markdown.
// Its exit status is 1 if a server failed, or if the relay lost or repeated an event; times never affect it.
// scripts/bench.sh builds the programs that it needs.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := options.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the options of the command line.
type options struct {
	bin       string
	rounds    int // 0 for the default of each scenario
	ext4      string
	scenarios []scenario
	servers   []server
	json      string // file of the campaign; "" for none
	load      string
	report    bool
	smoke     bool
}

func parseOptions(args []string) (options, error) {
	var o options
	var scenarioNames, serverNames []string
	flags := flag.NewFlagSet("bench.sh", flag.ExitOnError)
	flags.StringVar(&o.bin, "bin", "", "`directory` of the programs; bench.sh sets it")
	flags.Func("rounds", "`number` of rounds; the tables show medians (default 5; 1 for growth, which is slow)",
		func(value string) (err error) {
			if o.rounds, err = strconv.Atoi(value); err != nil || o.rounds < 1 {
				return errors.New("it must be a number, at least 1")
			}
			return nil
		})
	flags.StringVar(&o.ext4, "ext4", "",
		"`directory` on ext4 for latency, such as a loop mount (default: one for temporary files)")
	flags.Func("scenario", "comma-separated `names` of scenarios: "+strings.Join(names(scenarios), ", "),
		appendNames(&scenarioNames))
	flags.Func("servers", "comma-separated `names` of servers: "+strings.Join(names(servers), ", "),
		appendNames(&serverNames))
	flags.StringVar(&o.load, "load", "", "run only loads whose name, in the first column, contains this `text`")
	flags.StringVar(&o.json, "json", "",
		"also add the results to this `file`; the tables then show all rounds in it")
	flags.BoolVar(&o.report, "report", false, "run nothing, print the tables of the results in the file of --json")
	flags.BoolVar(&o.smoke, "smoke", false, "run each scenario once with a small load, to test the benchmarks")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	if o.report && o.json == "" {
		return o, errors.New("--report needs --json")
	}
	var err1, err2 error
	o.scenarios, err1 = choose("--scenario", scenarios, scenarioNames)
	o.servers, err2 = choose("--servers", servers, serverNames)
	err := errors.Join(err1, err2, checkExt4(o.ext4))
	if err == nil && len(o.adapted()) == 0 {
		err = fmt.Errorf("--load: no load of these scenarios has %q in its name", o.load)
	}
	return o, err
}

// appendNames returns a flag's parser that appends comma-separated names to all.
func appendNames(all *[]string) func(string) error {
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

// choose returns the elements of all with these names, or all elements if no name is given. Flag gave the names.
func choose[T fmt.Stringer](flag string, all []T, wanted []string) ([]T, error) {
	for _, name := range wanted {
		if !slices.Contains(names(all), name) {
			return nil, fmt.Errorf("%s: %q is not one of %s", flag, name, strings.Join(names(all), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool {
		return len(wanted) > 0 && !slices.Contains(wanted, one.String())
	}), nil
}

// run prints the heading, runs the scenarios and prints the summary. It returns an error if a run failed.
func (o options) run(ctx context.Context) error {
	all, err := readCampaign(o.json)
	if err != nil {
		return err
	}
	c := runner{bin: o.bin, storage: findStorage(o.ext4), settle: time.Second}
	if o.smoke {
		c.settle = 50 * time.Millisecond
	}
	c.servers = slices.DeleteFunc(slices.Clone(o.servers), func(s server) bool { return s.paths(o.bin) == nil })
	o.writeHeading(&c)
	earlier := len(all.runs)
	err = o.runScenarios(ctx, &c, &all)
	all.writeSummary(os.Stdout, o.adapted(), o.servers)
	if o.json != "" && !o.report {
		err = errors.Join(err, all.save(o.json))
	}
	for _, r := range all.runs[earlier:] {
		if r.Failure != "" {
			err = errors.Join(err, fmt.Errorf("%s %s, %s: %s", r.Scenario, r.Load.Name, r.Server, r.Failure))
		}
	}
	return err
}

// writeHeading prints the machine, the number of rounds and the missing servers.
func (o options) writeHeading(c *runner) {
	fmt.Printf("# wpre-relay and other servers\n\n%s. At most %d clients, by the limit of open files.\n",
		describeMachine(o.bin), maxClients())
	if o.smoke {
		fmt.Println("Smoke test with a small load: the values mean nothing.")
	}
	missing := slices.DeleteFunc(slices.Clone(o.servers), func(s server) bool { return s.paths(o.bin) != nil })
	if len(missing) > 0 {
		fmt.Printf("Not installed, so not measured: %s.\n", strings.Join(names(missing), ", "))
	}
}

// adapted returns the scenarios with the rounds, the sizes and the loads of this run.
func (o options) adapted() []scenario {
	var all []scenario
	for _, s := range o.scenarios {
		s.loads = slices.DeleteFunc(slices.Clone(s.loads), func(l load) bool { return !strings.Contains(l.Name, o.load) })
		if len(s.loads) == 0 {
			continue
		}
		s.rounds = cmp.Or(o.rounds, s.rounds, defaultRounds)
		if o.smoke {
			s = s.small()
			s.rounds = 1
		}
		all = append(all, s.fit(maxClients()))
	}
	return all
}

// runScenarios runs the scenarios, adds the runs to all and prints the table of each scenario when it is complete.
func (o options) runScenarios(ctx context.Context, c *runner, all *campaign) error {
	progress := func(what string) { fmt.Fprintln(os.Stderr, what) }
	for _, s := range o.adapted() {
		for _, l := range c.storage.without(&s) {
			fmt.Printf("\nSkipped: %s. No directory for temporary files is on %s; see --help.\n", s.title(l), l.Storage)
		}
		if !o.report {
			runs, err := c.runScenario(ctx, s, all.lastRound(s.name), progress)
			all.runs = append(all.runs, runs...)
			if err != nil {
				return err
			}
		}
		if all.rounds(s.name) > 0 {
			all.report(s).write(os.Stdout)
		}
	}
	return nil
}
