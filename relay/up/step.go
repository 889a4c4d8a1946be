//go:build linux

package up

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// step is a part of the installation: changes of files, and commands that put them into effect. Its exported fields
// are stored in the record, and suffice to undo it in another process.
type step struct {
	Name    string
	Changes []change
	Started bool       `json:",omitempty"` // the changes may be in effect
	Stop    [][]string `json:",omitempty"` // commands before the changes are undone
	Reload  [][]string `json:",omitempty"` // commands after they are undone

	check  func(ctx context.Context) error // returns why the changes must not be made; nil: no check
	test   []string                        // command that fails if the changed configuration is invalid
	start  [][]string                      // commands that put the changes into effect
	verify func(ctx context.Context) error
}

// commandTimeout bounds one command. A relay that starts reads its history first.
const commandTimeout = 90 * time.Second

// run runs a command. Its error has the command's output.
func run(ctx context.Context, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal must not reach an undo
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, firstPart(string(out)))
	}
	return nil
}

// runAll runs commands until one fails.
func runAll(ctx context.Context, commands [][]string) error {
	for _, args := range commands {
		if err := run(ctx, args); err != nil {
			return err
		}
	}
	return nil
}

// pending removes the changes that have been made already.
func (s *step) pending(ctx context.Context, disks disks) error {
	var open []change
	for _, c := range s.Changes {
		done, err := c.isDone(ctx, disks.of(c))
		if err != nil {
			return err
		}
		if !done {
			open = append(open, c)
		}
	}
	s.Changes = open
	return nil
}

// change makes the changes, and tests the configuration. If it fails, the caller undoes the step.
func (s step) change(ctx context.Context, disks disks) error {
	if s.check != nil {
		if err := s.check(ctx); err != nil {
			return err
		}
	}
	for _, c := range s.Changes {
		if err := c.apply(ctx, disks.of(c)); err != nil {
			return err
		}
	}
	if s.test == nil {
		return nil
	}
	return run(ctx, s.test)
}

// activate puts the changes into effect and verifies the result. If it fails, the caller undoes the step.
func (s step) activate(ctx context.Context) error {
	if err := runAll(ctx, s.start); err != nil || s.verify == nil {
		return err
	}
	return s.verify(ctx)
}

// undo undoes the part of the step that was applied. It continues after an error.
func (s step) undo(ctx context.Context, disks disks) error {
	var errs []error
	stop, reload := s.Stop, s.Reload
	if !s.Started {
		stop, reload = nil, nil
	}
	for _, args := range stop {
		errs = append(errs, run(ctx, args))
	}
	for i := len(s.Changes) - 1; i >= 0; i-- {
		errs = append(errs, s.Changes[i].undo(ctx, disks))
	}
	for _, args := range reload {
		errs = append(errs, run(ctx, args))
	}
	return errors.Join(errs...)
}

// disks are the disks of root and of the owners of WordPress's files.
type disks struct {
	system system
	php    string // path of the program
}

// as returns the disk of a user.
func (d disks) as(u user) owner { return owner{php: d.php, user: u} }

// of returns the disk for a change.
func (d disks) of(c change) disk {
	if c.As == nil {
		return d.system
	}
	return d.as(*c.As)
}
