package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// apacheNote replaces the Apache License, which Debian's packages may not contain.
const apacheNote = "The Apache License, Version 2.0: on Debian systems in /usr/share/common-licenses/Apache-2.0,\n" +
	"in archives and images in " + apacheFile + " beside this file."

var (
	licenseFile   = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)
	apacheText    = regexp.MustCompile(`(?s)[ \t]*Apache License\s+Version 2\.0,.*?END OF TERMS AND CONDITIONS`)
	apacheExample = regexp.MustCompile(`(?s)\s*APPENDIX: How to apply the Apache.*?limitations under the License\.`)
	copyrightLine = regexp.MustCompile(`(?mi)^\W*copyright[ :]+(?:(?:\(c\)|©) *(\S.*)|([0-9]{4}.*))$`)
)

// knownLicenses lists the licenses by a phrase of their text, in which each line end is a space. A license also needs
// the phrase other, if it has one.
var knownLicenses = []struct{ name, phrase, other string }{
	{"Apache-2.0", "Apache License", ""},
	{"Expat", "Permission is hereby granted, free of charge", ""},
	{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose", ""},
	{"BSD-3-clause", "Redistribution and use in source and binary forms", "endorse or promote products"},
	{"BSD-2-clause", "Redistribution and use in source and binary forms", ""},
}

// component is a part of the program that has a license of its own.
type component struct {
	dir     string   // holds the license of the component
	folders []string // of its packages, all below dir; may hold further licenses
	comment string
}

// license is the license of a component.
type license struct {
	names      []string // such as Expat, sorted
	copyrights []string // such as "2012-2025 The NATS Authors"
	text       string
	apache     string // the whole Apache License, if the component has it
}

// license reads the license files in the folders of the packages and in those above, up to dir.
func (c *component) license() (license, error) {
	var l license
	files, err := c.licenseFiles()
	if err != nil {
		return l, err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return l, err
		}
		if len(files) > 1 {
			name, _ := filepath.Rel(c.dir, file)
			l.text += name + ":\n\n"
		}
		l.add(string(content))
	}
	if len(l.names) == 0 {
		return l, fmt.Errorf("no known license in %s", c.dir)
	}
	if len(l.copyrights) == 0 {
		l.copyrights, err = c.copyrights()
	}
	return l, err
}

// add adds the content of a license file.
func (l *license) add(content string) {
	l.apache = cmp.Or(l.apache, apacheText.FindString(content))
	words := strings.Join(strings.Fields(content), " ")
	for _, known := range knownLicenses {
		if strings.Contains(words, known.phrase) && strings.Contains(words, known.other) {
			l.names = append(l.names, known.name)
			words = strings.ReplaceAll(words, known.phrase, "")
		}
	}
	content = apacheExample.ReplaceAllString(apacheText.ReplaceAllString(content, apacheNote), "")
	l.copyrights = append(l.copyrights, holders(content)...)
	l.text += strings.Trim(content, "\n") + "\n\n"
	l.names, l.copyrights = unique(l.names), unique(l.copyrights)
}

// licenseFiles returns the paths of the license files, sorted.
func (c *component) licenseFiles() ([]string, error) {
	var files []string
	seen := make(map[string]bool)
	for _, folder := range c.folders {
		for ; !seen[folder]; folder = filepath.Dir(folder) {
			seen[folder] = true
			entries, err := os.ReadDir(folder)
			if err != nil {
				return nil, err
			}
			for _, entry := range entries {
				if licenseFile.MatchString(entry.Name()) && entry.Type().IsRegular() {
					files = append(files, filepath.Join(folder, entry.Name()))
				}
			}
			if folder == c.dir {
				break
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// copyrights returns the holders that the source files name, for a license that names none.
func (c *component) copyrights() ([]string, error) {
	var all []string
	for _, folder := range c.folders {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, source := range sources {
			content, err := os.ReadFile(source)
			if err != nil {
				return nil, err
			}
			all = append(all, holders(string(content))...)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no copyright holder found")
	}
	return unique(all), nil
}

// holders returns the years and names in the lines of text that begin with "Copyright".
func holders(text string) []string {
	var all []string
	for _, match := range copyrightLine.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.TrimSpace(match[1]+match[2]))
	}
	return all
}

func unique(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }

// paragraph returns the fields that follow Files.
func (l license) paragraph(comment string) string {
	text := strings.ReplaceAll(strings.TrimRight(l.text, "\n"), "\r", "")
	var lines strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\f")
		if line == "" {
			line = "."
		}
		lines.WriteString(" " + line + "\n")
	}
	fields := "Copyright: " + strings.Join(l.copyrights, "\n           ") + "\n"
	fields += "License: " + strings.Join(l.names, " and ") + "\n" + lines.String()
	if comment != "" {
		fields += "Comment: " + comment + "\n"
	}
	return fields
}
