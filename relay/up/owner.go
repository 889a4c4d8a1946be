//go:build linux

package up

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ownerPHP is the program that works on WordPress. It begins with the tag of PHP, which php -r does not take.
//
//go:embed owner.php
var ownerPHP string

const (
	// ownerTimeout bounds one call of PHP. WordPress starts in a fraction of a second.
	ownerTimeout = 60 * time.Second

	// maxPHPMessage bounds the part of PHP's output that an error contains, in bytes.
	maxPHPMessage = 300

	// resultMarker is the line above the result of inspect and trigger.
	resultMarker = "\nwpre-relay-result\n"

	statusNotExist = 2 // exit status of PHP for a file that does not exist
)

// user is the owner of files.
type user struct{ UID, GID uint32 }

// owner works on files below WordPress in child processes of their owner. Whatever a plugin has put there, such as a
// link to a file of the system, gets at most the rights of that user.
type owner struct {
	php  string // path of the program
	user user
}

// run runs a command of owner.php with this input and returns its output.
func (o owner) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, ownerTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.php, append([]string{"-d", "display_errors=stderr", "-r",
		strings.TrimPrefix(ownerPHP, "<?php"), "--"}, args...)...)
	cmd.SysProcAttr = o.attributes()
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/"}
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case err == nil:
		return out, nil
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == statusNotExist && args[0] == "read":
		return nil, &fs.PathError{Op: "read", Path: args[1], Err: fs.ErrNotExist}
	}
	return nil, fmt.Errorf("%s %s as uid %d: %s", args[0], args[1], o.user.UID,
		cmp.Or(firstPart(stderr.String()), firstPart(string(out)), err.Error()))
}

// firstPart returns the start of a text as one line.
func firstPart(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxPHPMessage {
		return text[:maxPHPMessage] + "…"
	}
	return text
}

// call runs a command that loads WordPress in dir, and decodes its result.
func (o owner) call(ctx context.Context, result any, command, dir, site string, args ...string) error {
	out, err := o.run(ctx, nil, append([]string{command, dir, site}, args...)...)
	if err != nil {
		return err
	}
	text, found := bytes.CutPrefix(out[max(0, bytes.LastIndex(out, []byte(resultMarker))):], []byte(resultMarker))
	if !found {
		return fmt.Errorf("WordPress in %s does not start: %s", dir, cmp.Or(firstPart(string(out)), "no output"))
	}
	return json.Unmarshal(text, result)
}

// attributes returns the attributes of PHP's process.
func (o owner) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: o.user.UID, Gid: o.user.GID},
		Setpgid:    true,            // an interrupt at the terminal must not reach an undo
		Pdeathsig:  syscall.SIGKILL, // a write must not end after another run has undone it
	}
}

// lint returns an error if the text is no valid PHP.
func (o owner) lint(ctx context.Context, text string) error {
	cmd := exec.CommandContext(ctx, o.php, "-l")
	cmd.Stdin = strings.NewReader(text)
	cmd.SysProcAttr = o.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(firstPart(string(out)))
	}
	return nil
}

// read, write and the other methods implement disk.
func (o owner) read(ctx context.Context, path string) ([]byte, error) {
	return o.run(ctx, nil, "read", path)
}

func (o owner) write(ctx context.Context, path string, content []byte, mode fs.FileMode, _ user) error {
	_, err := o.run(ctx, content, "write", path, fmt.Sprintf("%o", mode))
	return err
}

func (o owner) restore(ctx context.Context, path string, content []byte) error {
	_, err := o.run(ctx, content, "restore", path)
	return err
}

func (o owner) tidy(ctx context.Context, path string) error {
	_, err := o.run(ctx, nil, "tidy", path)
	return err
}

func (o owner) remove(ctx context.Context, path string) error {
	_, err := o.run(ctx, nil, "remove", path)
	return err
}

func (o owner) mkdir(ctx context.Context, path string) error {
	_, err := o.run(ctx, nil, "mkdir", path)
	return err
}

func (o owner) rmdir(ctx context.Context, path string) error {
	_, err := o.run(ctx, nil, "rmdir", path)
	return err
}

func (o owner) symlink(_ context.Context, _, path string) error {
	return fmt.Errorf("create link %s: not below WordPress", path)
}
