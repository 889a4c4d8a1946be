// Package process runs the program's main function as a process. It turns signals into the end of a context, lets the
// process end although a system call hangs, and respects the memory limit of a container. It knows nothing about the
// program.
package process

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// init keeps the main goroutine, which does no file operations, on the first thread of the process, and all others
// off it. The kernel hands signals to that thread first: if it were stuck in a system call, SIGTERM would wait too.
func init() { runtime.LockOSThread() }

// Run runs main and exits with the status that it returns. Only the function main may call it. The context ends on
// the first signal: with the cause interrupted on SIGINT, a person's Ctrl-C, and with the cause terminated on
// SIGTERM, which service managers mostly send to restart a service. The second signal kills the process.
func Run(main func(ctx context.Context) (status int), interrupted, terminated error) {
	if status, supervised := supervise(); supervised {
		os.Exit(status)
	}
	limitMemory()
	ctx := untilSignal(interrupted, terminated)
	ended := make(chan int)
	go func() { ended <- main(ctx) }()
	exit(<-ended)
}

// Interruptible runs f, which does not know ctx. If ctx ends before f returns, it exits with status 1: f may hang.
func Interruptible(ctx context.Context, f func()) {
	returned := make(chan struct{})
	go func() { defer close(returned); f() }()
	select {
	case <-returned:
	case <-ctx.Done():
		exit(1)
	}
}

// untilSignal returns a context that ends on the first SIGINT or SIGTERM.
func untilSignal(interrupted, terminated error) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cause := interrupted
		if <-signals == syscall.SIGTERM {
			cause = terminated
		}
		signal.Stop(signals)
		cancel(cause)
	}()
	return ctx
}

// exit ends the process. A system call that hangs may keep its remains, but not its output, which others wait for.
func exit(status int) {
	os.Stdout.Close()
	os.Stderr.Close()
	os.Exit(status)
}
