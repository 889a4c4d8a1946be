//go:build linux

package integration_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// referenceDocuments have no task. All other documents of scripts/docs have the form task, result, steps, how to
// verify, why.
var referenceDocuments = []string{"README.md", "architecture.md", "compatibility.md", "flags.md", "guarantees.md",
	"limits.md", "protocol.md", "reliability.md"}

// taskForm lists the parts of a document for a task, after its title.
var taskForm = map[string]*regexp.Regexp{
	"a result":            regexp.MustCompile(`(?m)^Result: `),
	"steps to copy":       regexp.MustCompile("(?m)^```"),
	"how to verify":       regexp.MustCompile(`(?m)^(## |\*\*)Verify`),
	"why":                 regexp.MustCompile(`(?m)^(## |\*\*)Why`),
	"a task as its title": regexp.MustCompile(`^# [A-Z][a-z]+ `),
}

// TestTaskDocumentsHaveTheSameForm checks that each document for a task has all parts, and that the index lists each
// document.
func TestTaskDocumentsHaveTheSameForm(t *testing.T) {
	t.Parallel()
	index := readDocument(t, "scripts/docs/README.md")
	for _, document := range documentPaths(t)[1:] {
		name := filepath.Base(document)
		if name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("the index does not list %s", name)
		}
		if slices.Contains(referenceDocuments, name) {
			continue
		}
		for part, form := range taskForm {
			if !form.MatchString(readDocument(t, document)) {
				t.Errorf("%s does not have %s (%s)", document, part, form)
			}
		}
	}
}
