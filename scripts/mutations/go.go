package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// timeout bounds one run of a test. A test that hangs has found the fault.
	timeout = 10 * time.Minute

	// maxOutput is how much of a test's output an error repeats, in bytes.
	maxOutput = 4000
)

// goCommand returns a call of the go command in which the files of overlay have other contents, also when the tests
// call the go command themselves. The caller calls remove at the end.
func goCommand(ctx context.Context, overlay map[string]string, args ...string) (
	cmd *exec.Cmd, remove func(), err error,
) {
	dir, err := os.MkdirTemp("", "wpre-mutation-")
	if err != nil {
		return nil, nil, err
	}
	replace := make(map[string]string)
	for file, source := range overlay {
		path, err1 := filepath.Abs(file)
		replace[path] = filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		err = errors.Join(err, err1, os.WriteFile(replace[path], []byte(source), 0o644))
	}
	text, err1 := json.Marshal(map[string]any{"Replace": replace})
	config := filepath.Join(dir, "overlay.json")
	if err := errors.Join(err, err1, os.WriteFile(config, text, 0o644)); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd = exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+config))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd, func() { os.RemoveAll(dir) }, nil
}

// checkAll builds the packages with the faults of as many mutations as possible at once. It returns an error if one of
// them cannot be applied or does not compile.
func checkAll(ctx context.Context, all []mutation) error {
	var failed error
	for len(all) > 0 {
		changes, sources := make(map[string][]change), make(map[string]string)
		var later []mutation
		for _, m := range all {
			source, err := os.ReadFile(m.file)
			sources[m.file] = string(source)
			found, err1 := m.locate(string(source))
			if err = errors.Join(err, err1); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			more := slices.Concat(changes[m.file], found)
			slices.SortFunc(more, func(a, b change) int { return a.start - b.start })
			switch {
			case !overlap(more):
				changes[m.file] = more
			case len(changes[m.file]) == 0:
				failed = errors.Join(failed, fmt.Errorf("%q: its edits overlap", m.fault))
			default:
				later = append(later, m)
			}
		}
		failed = errors.Join(failed, build(ctx, changes, sources))
		all = later
	}
	return failed
}

// build compiles the packages of changed files.
func build(ctx context.Context, changes map[string][]change, sources map[string]string) error {
	overlay, args := make(map[string]string), []string{"build"}
	for file, found := range changes {
		overlay[file] = apply(sources[file], found)
		args = append(args, "./"+filepath.Dir(file))
	}
	cmd, remove, err := goCommand(ctx, overlay, args...)
	if err != nil {
		return err
	}
	defer remove()
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("a mutation does not compile: %w\n%s", err, output)
	}
	return nil
}

// runTest runs go test with these arguments and reports whether it passes.
func runTest(ctx context.Context, test string, overlay map[string]string) (output string, passed bool) {
	args := append([]string{"test", "-count=1", "-v", "-failfast", "-timeout", timeout.String()}, strings.Fields(test)...)
	cmd, remove, err := goCommand(ctx, overlay, args...)
	if err != nil {
		return err.Error(), false
	}
	defer remove()
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// end returns the end of an output.
func end(output string) string { return output[max(0, len(output)-maxOutput):] }

// effort finds in the output of a failed test which state or seed failed, if it counts them.
var effort = regexp.MustCompile(`\b(state|seed) (\d+):`)

// duration finds how long the test ran.
var duration = regexp.MustCompile(`(?m)^FAIL\t\S+\t([0-9.]+)s$`)

// run runs one of the tests with the fault. It returns the effort until the test found it. The error says that it did
// not.
func (m mutation) run(ctx context.Context, test string) (after string, err error) {
	source, err := m.mutate()
	if err != nil {
		return "", err
	}
	output, passed := runTest(ctx, test, map[string]string{m.file: source})
	ran := duration.FindStringSubmatch(output)
	switch {
	case passed:
		return "**not found**", fmt.Errorf("%q: go test %s does not find it", m.fault, test)
	case ran == nil || !strings.Contains(output, "=== RUN"):
		return "**not run**", fmt.Errorf("%q: go test %s does not run:\n%s", m.fault, test, end(output))
	}
	seconds, err := strconv.ParseFloat(ran[1], 64)
	if err != nil {
		return "", err
	}
	after = fmt.Sprintf("%.1f s", seconds)
	if count := effort.FindStringSubmatch(output); count != nil {
		after = count[1] + " " + count[2] + ", " + after
	}
	return after, nil
}

// testName returns the name of the test in the arguments of go test, with -race if it is among them.
func testName(test string) string {
	fields := strings.Fields(test)
	name := strings.Trim(fields[slices.Index(fields, "-run")+1], "^$")
	if slices.Contains(fields, "-race") {
		name += " -race"
	}
	return name
}
