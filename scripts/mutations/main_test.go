package main

import (
	"os"
	"strings"
	"testing"
)

// TestMutationsCompile checks that each mutation can still be applied and compiles, and that the document lists it.
func TestMutationsCompile(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Errorf("%d mutations", len(all))
	}
	if err := checkAll(t.Context(), all); err != nil {
		t.Error(err)
	}
	document, err := os.ReadFile("scripts/docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !strings.Contains(string(document), "| "+m.fault+" |") {
			t.Errorf("reliability.md does not list the fault %q", m.fault)
		}
	}
}

func TestMutationIsAppliedOnce(t *testing.T) {
	m := mutation{fault: "f", edits: []edit{{[]string{"a()", "b()"}, []string{"c()"}}, {[]string{"d()"}, []string{"b()"}}}}
	changes, err := m.locate("\ta()\n\t\tb()\n\td()\n")
	if err != nil || overlap(changes) {
		t.Fatal(err)
	}
	if got := apply("\ta()\n\t\tb()\n\td()\n", changes); got != "\tc()\n\tb()\n" {
		t.Errorf("got %q", got)
	}
	for _, source := range []string{"", "a()\nb()\n", "a()\nb()\nd()\nd()\n"} {
		if _, err := m.locate(source); err == nil {
			t.Errorf("it can be applied to %q", source)
		}
	}
}
