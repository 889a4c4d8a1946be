// Mutations proves that the tests find faults. It puts one deliberate fault after the other into a copy of a file, runs
// the tests that must find it, and prints a table in Markdown with the effort that this took. mutations.txt lists the
// faults. The exit status is 1 if a test passes in spite of a fault, or fails without one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// list is the file with the mutations, relative to the root of the repository.
const list = "scripts/mutations/mutations.txt"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	check := flag.Bool("check", false, "only check that each mutation can be applied and compiles")
	flag.Parse()
	if err := run(ctx, *check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(1)
	}
}

// run checks the mutations whose fault contains one of the words, or all if there is none. Otherwise it also runs their
// tests.
func run(ctx context.Context, check bool, words []string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	all, err := parse(string(text))
	if err != nil {
		return err
	}
	all = choose(all, words)
	if err := checkAll(ctx, all); err != nil || check {
		return err
	}
	return runAll(ctx, all, os.Stdout)
}

// choose returns the mutations whose fault contains one of the words.
func choose(all []mutation, words []string) (chosen []mutation) {
	for _, m := range all {
		wanted := len(words) == 0
		for _, word := range words {
			wanted = wanted || strings.Contains(m.fault, word)
		}
		if wanted {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// runAll runs the tests of all mutations and writes the table.
func runAll(ctx context.Context, all []mutation, out io.Writer) (err error) {
	fmt.Fprintf(out, "| fault | found by | after |\n| --- | --- | --- |\n")
	passes := make(map[string]bool)
	for _, m := range all {
		fault := m.fault
		for _, test := range m.tests {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !passes[test] {
				if output, passed := runTest(ctx, test, nil); !passed {
					return fmt.Errorf("go test %s fails without a mutation:\n%s", test, end(output))
				}
				passes[test] = true
			}
			after, failed := m.run(ctx, test)
			if failed != nil {
				err = errors.Join(err, failed)
			}
			fmt.Fprintf(out, "| %s | `%s` | %s |\n", fault, testName(test), after)
			fault = ""
		}
	}
	return err
}
