//go:build linux

package integration_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// during runs a command, calls act when the output contains a text, and returns the whole output and the exit status.
func (s *sandbox) during(text string, act func(input io.Writer), args ...string) (out string, status int) {
	s.t.Helper()
	cmd := s.command(args...)
	input, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for chunk := make([]byte, 4096); err == nil; {
		var n int
		n, err = output.Read(chunk)
		out += string(chunk[:n])
		if act != nil && strings.Contains(out, text) {
			act(input)
			act = nil
		}
	}
	cmd.Wait()
	if act != nil {
		s.t.Errorf("no %q in the output:\n%s", text, out)
	}
	return out, cmd.ProcessState.ExitCode()
}

// signalUp sends a signal to the running up.
func (s *sandbox) signalUp(signal string) {
	s.t.Helper()
	s.sh(`for process in /proc/[0-9]*; do ! grep -qzx up $process/cmdline || kill -` + signal + ` ${process#/proc/}; done`)
}

// killUp kills the running up, and waits for the systemctl that it has called.
func (s *sandbox) killUp(io.Writer) {
	s.t.Helper()
	s.sh(`busy=yes
while [ $busy ]; do
	busy=
	for process in /proc/[0-9]*; do
		if grep -qzx up $process/cmdline; then
			kill -KILL ${process#/proc/}
			busy=yes
		elif grep -qE '^(systemctl|integration)' $process/comm; then
			busy=yes
		fi
	done 2>/dev/null
	sleep 0.01
done`)
}

// upLines are lines of up after which a step begins.
var upLines = []string{"WordPress in", "OK    key", "OK    service", "OK    companion", "OK    nginx", "OK    address"}

// TestKilledUpIsUndone kills up in each step. The next down, or the next up, undoes its changes.
func TestKilledUpIsUndone(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	for i, line := range upLines {
		s.during(line, s.killUp, "wpre-relay", "up", "--yes")
		if i == len(upLines)/2 {
			if text, status := s.relay("up", "--yes"); status != 0 || !strings.Contains(text, "OK    proof") {
				t.Errorf("killed after %q, up: exit status %d:\n%s", line, status, text)
			}
		}
		if text, status := s.relay("down", "--yes"); status != 0 {
			t.Errorf("killed after %q, down: exit status %d:\n%s", line, status, text)
		}
		s.expectTree(before)
	}
}

// TestInterruptedUpIsUndone interrupts up in each step and at its question.
func TestInterruptedUpIsUndone(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	interrupt := func(io.Writer) { s.signalUp("INT") }
	for _, line := range upLines[1:] {
		text, status := s.during(line, interrupt, "wpre-relay", "up", "--yes")
		if status != 1 || !strings.Contains(text, "were undone: it was interrupted") {
			t.Errorf("interrupted after %q: exit status %d:\n%s", line, status, text)
		}
		s.expectTree(before)
	}
	text, status := s.during("Apply these changes?", interrupt, "wpre-relay", "up")
	if status != 1 || !strings.Contains(text, "nothing was changed") {
		t.Errorf("interrupted at the question: exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
}

// TestOneUpAtATime runs up while another one waits for an answer.
func TestOneUpAtATime(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	s.during("Apply these changes?", func(input io.Writer) {
		for _, command := range []string{"up", "down"} {
			if text, status := s.relay(command, "--yes"); status != 1 || !strings.Contains(text, "another wpre-relay up") {
				t.Errorf("%s: exit status %d:\n%s", command, status, text)
			}
		}
		fmt.Fprintln(input, "n")
	}, "wpre-relay", "up")
	s.expectTree(before)
}

// plantedLinks are links that the user of PHP creates after up has shown its plan, in place of files that up changes.
var plantedLinks = map[string]string{
	"must-use plugins": "mkdir $content/mu-plugins.old && ln -s /etc $content/mu-plugins",
	"wp-config.php":    "mv wp-config.php old.php && ln -s /etc/target.php wp-config.php",
}

// TestPlantedLinksAreNotFollowed swaps files between the question of up and its writes.
func TestPlantedLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	for name, script := range plantedLinks {
		t.Run(name, func(t *testing.T) {
			s := newNginxSandbox(t)
			s.sh("cp /var/www/html/wp-config.php /etc/target.php && chmod 644 /etc/target.php")
			var before map[string]string
			text, status := s.during("Apply these changes?", func(input io.Writer) {
				s.sh("cd /var/www/html && setpriv --reuid=www-data --clear-groups bash -ec 'content=wp-content; " + script + "'")
				before = s.tree()
				fmt.Fprintln(input, "y")
			}, "wpre-relay", "up")
			if status != 1 || !strings.Contains(text, "were undone") {
				t.Errorf("exit status %d:\n%s", status, text)
			}
			s.expectTree(before)
		})
	}
}
