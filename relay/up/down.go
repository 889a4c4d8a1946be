//go:build linux

package up

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Down undoes everything that Run has done, the last step first. Text that others have added to edited files stays.
func Down(ctx context.Context, opts Options) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	record, err := openRecord(ctx)
	if err != nil {
		return err
	}
	defer record.close()
	if len(record.Steps) == 0 {
		fmt.Fprintln(opts.Out, "Nothing to undo.")
		return nil
	}
	for _, s := range slices.Backward(record.Steps) {
		for _, c := range slices.Backward(s.Changes) {
			fmt.Fprintf(opts.Out, "%s: undo %s %s\n", s.Name, c.Kind, c.Path)
		}
	}
	switch {
	case opts.DryRun:
		return nil
	case !opts.Confirm("Undo these changes?"):
		return errDeclined
	}
	kept := outboxes(record.Steps)
	in := &installer{opts: opts, display: newDisplay(opts), record: record}
	err = in.undoFrom(context.WithoutCancel(ctx), 0)
	for _, pattern := range kept {
		if files, _ := filepath.Glob(pattern); len(files) > 0 { // the pattern is valid
			fmt.Fprintf(opts.Out, "Kept %s: the relay did not run, and may not have read these events. Delete them if no "+
				"relay needs them.\n", pattern)
		}
	}
	return err
}

// outboxes returns patterns for the files with events that the companion has written.
func outboxes(steps []step) (patterns []string) {
	for _, s := range steps {
		for _, c := range s.Changes {
			if c.Outbox != nil && c.Backup == "" {
				patterns = append(patterns, filepath.Join(c.Outbox.Dir, "events-*.ndjson"))
			}
		}
	}
	return patterns
}
