package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRecognizesLicenses checks the names and the copyright holders of license texts. Mixed texts have several names.
func TestRecognizesLicenses(t *testing.T) {
	t.Parallel()
	const (
		bsd    = "Redistribution and use in source\nand binary forms, with or without modification, are permitted"
		expat  = "Permission is hereby granted, free\nof charge, to any person"
		apache = "  Apache License\n  Version 2.0, January 2004\n\n Copyright [yyyy]\n END OF TERMS AND CONDITIONS"
	)
	for text, want := range map[string]string{
		"MIT License\n\nCopyright (c) 2018 A B\n\n" + expat:           "Expat; 2018 A B",
		"// Copyright © The Authors\n" + bsd:                          "BSD-2-clause; The Authors",
		"Copyright 2020, A\n" + bsd + "endorse or\npromote products":  "BSD-3-clause; 2020, A",
		"Copyright: 2009 B\nCopyright 2008 A\n" + apache + "\n" + bsd: "Apache-2.0 and BSD-2-clause; 2008 A, 2009 B",
		"copyright starting in 2011 when it was ported\n" + expat:     "Expat; ",
		"All rights reserved.":                                        "; ",
	} {
		var l license
		l.add(text)
		if got := strings.Join(l.names, " and ") + "; " + strings.Join(l.copyrights, ", "); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if strings.Contains(l.text, "January 2004") {
			t.Errorf("%q: the text contains the Apache License", text)
		}
	}
}

// TestRejectsUnknownLicense checks a module without a license and one with a license that is not known.
func TestRejectsUnknownLicense(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := component{dir: dir, folders: []string{dir}}
	for _, text := range []string{"", "All rights reserved.\n"} {
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.license(); err == nil {
			t.Errorf("the license %q is accepted", text)
		}
	}
}

// TestCopyrightIsMachineReadable writes the file for the current program, and checks the form of each paragraph. The
// test of the release checks that each module is in it.
func TestCopyrightIsMachineReadable(t *testing.T) {
	t.Chdir("../../..")
	dir := t.TempDir()
	if err := write(dir, []string{"linux/amd64", "linux/arm64"}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "copyright"))
	if err != nil {
		t.Fatal(err)
	}
	paragraphs := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n\n")
	form := regexp.MustCompile(
		`^Files: \S+\nCopyright: \S.*\n( {11}\S.*\n)*License: [-\w. ]+\n( .*\S\n)+(Comment: .*\n)?$`)
	for _, paragraph := range paragraphs[1:] {
		if !form.MatchString(paragraph + "\n") {
			t.Errorf("the paragraph is not of the form of DEP-5:\n%.400s", paragraph)
		}
	}
	first := paragraphs[1]
	if paragraphs[0]+"\n" != header || !strings.HasPrefix(first, "Files: *\n") || !slices.ContainsFunc(paragraphs,
		func(p string) bool { return strings.HasPrefix(p, "Files: github.com/coder/websocket/*\n") }) {
		t.Errorf("the file begins with %s\n%s", paragraphs[0], first)
	}
	apache, err := os.ReadFile(filepath.Join(dir, apacheFile))
	if err != nil || !strings.Contains(string(apache), "2. Grant of Copyright License.") {
		t.Errorf("%s: %.200s, %v", apacheFile, apache, err)
	}
}
