//go:build linux

package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	// maxColumns bounds a line of Go. A tab counts as one column.
	maxColumns = 120

	// maxFileLines bounds a file of Go.
	maxFileLines = 250

	// maxFunctionLines bounds a function, from its first line to its closing brace.
	maxFunctionLines = 45

	// maxFunctionLinesP99 bounds 99 % of the functions.
	maxFunctionLinesP99 = 40
)

// TestCodeSizeIsLimited checks all Go files of the repository, including those for other systems.
func TestCodeSizeIsLimited(t *testing.T) {
	t.Parallel()
	var functions []int
	for _, path := range goFiles(t) {
		source, err := os.ReadFile(fromRoot(path))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(source), "\n"), "\n")
		for i, line := range lines {
			if n := utf8.RuneCountInString(line); n > maxColumns {
				t.Errorf("%s:%d: %d columns, want at most %d", path, i+1, n, maxColumns)
			}
		}
		if len(lines) > maxFileLines {
			t.Errorf("%s: %d lines, want at most %d", path, len(lines), maxFileLines)
		}
		functions = append(functions, functionLines(t, path, source)...)
	}
	slices.Sort(functions)
	if p99 := functions[len(functions)*99/100]; p99 > maxFunctionLinesP99 {
		t.Errorf("1 %% of the functions have %d lines or more, want at most %d", p99, maxFunctionLinesP99)
	}
}

// goFiles returns the paths of the Go files of the repository, relative to its root.
func goFiles(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(fromRoot("."), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			relative, _ := filepath.Rel(fromRoot("."), path)
			paths = append(paths, relative)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d Go files, %v", len(paths), err)
	}
	return paths
}

// functionLines returns the length of each function of a file. It fails the test if one is too long.
func functionLines(t *testing.T, path string, source []byte) (lengths []int) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := files.Position(function.Pos()), files.Position(function.End())
		length := last.Line - first.Line + 1
		if length > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, want at most %d", first, function.Name.Name, length, maxFunctionLines)
		}
		lengths = append(lengths, length)
	}
	return lengths
}
