//go:build linux

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Run finds the site, shows the plan, applies it and proves the result. If a step fails, it undoes all steps of this
// run. If the plan has no steps, it only proves.
func Run(ctx context.Context, opts Options) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	in := &installer{opts: opts, display: newDisplay(opts)}
	if !opts.DryRun {
		record, err := openRecord(ctx)
		if err != nil {
			return err
		}
		defer record.close()
		in.record = record
		if err := in.undoUnfinished(ctx); err != nil {
			return err
		}
	}
	steps, err := in.plan(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(steps) == 0:
		fmt.Fprintln(opts.Out, "Nothing to change.")
	case opts.OneByOne && !opts.DryRun:
		return in.applyOneByOne(ctx, steps)
	default:
		if err := in.show(ctx, steps); err != nil {
			return err
		}
	}
	if opts.DryRun {
		return nil
	}
	if len(steps) > 0 && !opts.Confirm("Apply these changes?") {
		return errDeclined
	}
	return in.applyAll(ctx, steps)
}

var (
	errNotRoot  = errors.New("up and down change the system: run them as root")
	errDeclined = errors.New("nothing was changed")

	errInterrupted = errors.New("it was interrupted")
)

// installer is one run. Only one goroutine uses it.
type installer struct {
	opts    Options
	display display
	record  *record
	site    *site // nil for down
}

// plan finds the site and returns the steps that are not done yet.
func (in *installer) plan(ctx context.Context) (steps []step, err error) {
	in.display.running.Show("...   find WordPress and its site")
	if in.site, err = findSite(ctx, in.opts); err == nil {
		steps, err = in.site.plan(ctx, in.opts)
	}
	in.display.running.Clear()
	if ctx.Err() != nil {
		return nil, errDeclined
	}
	if in.site != nil {
		const found = "WordPress in %s, served by %s at %s\n"
		fmt.Fprintf(in.opts.Out, found, in.site.dir, in.site.server.name, in.site.home)
	}
	return steps, err
}

// show prints the steps as a diff.
func (in *installer) show(ctx context.Context, steps []step) error {
	for _, s := range steps {
		fmt.Fprintf(in.opts.Out, "\n# %s\n", s.Name)
		for _, c := range s.Changes {
			var text []byte
			if c.Kind == editFile {
				var err error
				if text, err = in.site.disks().of(c).read(ctx, c.Path); err != nil {
					return err
				}
			}
			fmt.Fprint(in.opts.Out, c.diff(string(text)))
		}
	}
	fmt.Fprintln(in.opts.Out)
	return nil
}

// applyAll applies the steps and proves the result. If that fails, it undoes the steps.
func (in *installer) applyAll(ctx context.Context, steps []step) error {
	for i := range steps {
		if err := in.apply(ctx, &steps[i]); err != nil {
			return in.rollBack(ctx, steps[i].Name, err)
		}
	}
	if err := in.prove(ctx); err != nil {
		return in.rollBack(ctx, "proof", err)
	}
	return in.keep(ctx)
}

// applyOneByOne asks before each step, and undoes a step that fails. The steps before it stay.
func (in *installer) applyOneByOne(ctx context.Context, steps []step) error {
	for i := range steps {
		if err := in.show(ctx, steps[i:i+1]); err != nil {
			return err
		}
		if !in.opts.Confirm("Apply this step?") {
			return errDeclined
		}
		if err := in.apply(ctx, &steps[i]); err != nil {
			return in.rollBack(ctx, steps[i].Name, err)
		}
		if err := in.keep(ctx); err != nil {
			return err
		}
	}
	return in.prove(ctx)
}

// keep marks all steps as parts of a successful run.
func (in *installer) keep(ctx context.Context) error {
	in.record.Proven = len(in.record.Steps)
	return in.record.save(ctx)
}

// apply records a step and applies it.
func (in *installer) apply(ctx context.Context, s *step) (err error) {
	end := in.display.step(s.Name)
	defer func() { end(err) }()
	if err := in.record.begin(ctx, s, in.site.disks()); err != nil {
		return err
	}
	if err := s.change(ctx, in.site.disks()); err != nil {
		return err
	}
	in.record.Steps[len(in.record.Steps)-1].Started = true
	if err := in.record.save(ctx); err != nil {
		return err
	}
	return s.activate(ctx)
}

// prove prints the times of a test event.
func (in *installer) prove(ctx context.Context) error {
	end := in.display.step("proof: a test event through PHP and " + in.site.address)
	p, err := in.site.prove(ctx)
	end(err)
	if err != nil {
		return err
	}
	const times = "      connected in %s; PHP took %s; the event reached the client %s after the plugin's call\n"
	fmt.Fprintf(in.opts.Out, times, rounded(p.connect), rounded(p.php), rounded(p.event))
	if p.public != "" {
		fmt.Fprintf(in.opts.Out, "WARN  everyone can read the last event, also of a draft, at %s\n", p.public)
	}
	const next = "\nTo check everything, run:\n  wpre-relay check --watch %s --site %s --url %s --public-status publish\n"
	fmt.Fprintf(in.opts.Out, next, in.site.dir, in.site.home, in.site.address)
	return nil
}

// rollBack undoes the steps of this run after a failure, also when ctx has ended, and returns what to report.
func (in *installer) rollBack(ctx context.Context, name string, cause error) error {
	if ctx.Err() != nil {
		cause = errInterrupted
	}
	if err := in.undoUnfinished(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("%s failed: %w\nundoing the changes failed too: %w\ncopies of all changed files are in %s", name,
			cause, err, backupDir)
	}
	return fmt.Errorf("%s failed, and all changes of it and the steps before were undone: %w", name, cause)
}

// undoUnfinished undoes the steps of a run that has not succeeded.
func (in *installer) undoUnfinished(ctx context.Context) error {
	return in.undoFrom(ctx, in.record.Proven)
}

func (in *installer) undoFrom(ctx context.Context, index int) error {
	php, _ := exec.LookPath("php") // without it, undoing below WordPress fails with an error
	disks := disks{php: php}
	return in.record.undoFrom(ctx, index, func(s step) (err error) {
		end := in.display.step("undo " + s.Name)
		defer func() { end(err) }()
		return s.undo(ctx, disks)
	})
}
