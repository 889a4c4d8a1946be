// Command licenses writes the licenses of the relay, of Go's standard library and of all Go modules that are linked
// into the program. Run it in the root of the repository:
//
//	go run ./scripts/release/licenses DIR OS/ARCH...
//
// It writes DIR/copyright in Debian's machine-readable form (DEP-5), and DIR/LICENSE-Apache-2.0, a text that the former
// only names. It reads the module cache, and fails if it finds no license of a module, or none that it knows.
package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	apacheFile = "LICENSE-Apache-2.0"
	header     = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: wpre-relay\n"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: licenses DIR OS/ARCH...")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// write writes the two files to dir, for the programs of all targets.
func write(dir string, targets []string) error {
	root, err := goroot()
	if err != nil {
		return err
	}
	components := map[string]*component{
		"*":    {dir: ".", folders: []string{"."}},
		"go/*": {dir: root, folders: []string{root}, comment: "Go's standard library and runtime"},
	}
	for _, target := range targets {
		if err := addModules(components, target); err != nil {
			return err
		}
	}
	text, apache := strings.Builder{}, ""
	text.WriteString(header)
	// In DEP-5, the last pattern that matches applies, so "*" must be the first.
	for _, files := range slices.Sorted(maps.Keys(components)) {
		l, err := components[files].license()
		if err != nil {
			return fmt.Errorf("%s: %w", files, err)
		}
		apache = cmp.Or(apache, l.apache)
		fmt.Fprintf(&text, "\nFiles: %s\n%s", files, l.paragraph(components[files].comment))
	}
	if err := os.WriteFile(filepath.Join(dir, "copyright"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, apacheFile), []byte(apache), 0o644)
}

// addModules adds the modules whose packages are linked into the program for target, such as linux/amd64. Their names
// are patterns of import paths.
func addModules(components map[string]*component, target string) error {
	system, arch, found := strings.Cut(target, "/")
	if !found {
		return fmt.Errorf("%q is not of the form OS/ARCH", target)
	}
	const format = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}} {{$.Dir}}{{end}}{{end}}`
	cmd := exec.Command("go", "list", "-deps", "-f", format, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list for %s: %w", target, err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 4 {
			continue // the standard library or the relay
		}
		files := fields[0] + "/*"
		if components[files] == nil {
			components[files] = &component{dir: fields[2], comment: "Go module, version " + fields[1]}
		}
		components[files].folders = append(components[files].folders, fields[3])
	}
	return nil
}

func goroot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}
