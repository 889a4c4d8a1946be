//go:build linux

package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeBlock   = regexp.MustCompile("(?ms)^```.*?^```$")
	link        = regexp.MustCompile(`\]\(([^)#]*)#?([^)]*)\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchorsIn returns the anchors of a document's headings, in the form that code hosts give them.
func anchorsIn(t *testing.T, path string) map[string]bool {
	t.Helper()
	anchors := make(map[string]bool)
	for _, match := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(readDocument(t, path), ""), -1) {
		anchor := notInAnchor.ReplaceAllString(strings.ToLower(match[1]), "")
		anchors[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return anchors
}

// linkedDocuments returns the paths of all documents, also of those that show no commands to run.
func linkedDocuments(t *testing.T) []string {
	t.Helper()
	return append(documentPaths(t), "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
}

// TestDocumentLinksResolve checks the links to files of the repository and to headings in them.
func TestDocumentLinksResolve(t *testing.T) {
	t.Parallel()
	for _, document := range linkedDocuments(t) {
		text := codeBlock.ReplaceAllString(readDocument(t, document), "")
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			target := document
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(document), match[1])
			}
			if _, err := os.Stat(fromRoot(target)); err != nil {
				t.Errorf("%s: %v", document, err)
			} else if anchor := match[2]; anchor != "" && !anchorsIn(t, target)[anchor] {
				t.Errorf("%s: %s has no heading #%s", document, target, anchor)
			}
		}
	}
}

// TestDocumentedSettingsAreValid passes the settings that install.md shows to the relay.
func TestDocumentedSettingsAreValid(t *testing.T) {
	t.Parallel()
	text := readDocument(t, "scripts/docs/install.md")
	block := regexp.MustCompile("(?s)```ini\n(WPRE_RELAY_.*?)```").FindStringSubmatch(text)
	if block == nil {
		t.Fatal("install.md shows no settings")
	}
	cmd := command(t, "config")
	cmd.Env = append(cmd.Env, strings.Fields(block[1])...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestDocumentedPathsExist checks the paths of the repository that the documents show as code.
func TestDocumentedPathsExist(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile("`((?:relay|schema|scripts|testdata|watcher)/[a-z0-9_./-]+)")
	for _, document := range linkedDocuments(t) {
		for _, match := range path.FindAllStringSubmatch(readDocument(t, document), -1) {
			if _, err := os.Stat(fromRoot(match[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

// TestArchitectureNamesEachPackage compares the table of packages with the packages that exist.
func TestArchitectureNamesEachPackage(t *testing.T) {
	t.Parallel()
	text := readDocument(t, "scripts/docs/architecture.md")
	listing, err := exec.Command("go", "list", "wpre-relay/relay/...", "wpre-relay/schema", "wpre-relay/watcher").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(listing)) {
		if name := strings.TrimPrefix(path, "wpre-relay/"); !strings.Contains(text, "`"+name+"`") {
			t.Errorf("architecture.md does not name package %s", name)
		}
	}
}
