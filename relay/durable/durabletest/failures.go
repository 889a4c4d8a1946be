package durabletest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
)

// Faults are the errors that EachFailure returns.
var Faults = []error{
	syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EINTR,
	Partial{Err: syscall.ENOSPC, Bytes: 1},
	Partial{Err: syscall.EIO, Bytes: 70},
	Partial{Err: io.ErrShortWrite, Bytes: -1},
}

// Models are the combinations of both sizes of pieces and both rules for directory entries.
var Models = []Model{
	{Piece: 512}, {Piece: 4096}, {Piece: 512, EntriesByFile: true}, {Piece: 4096, EntriesByFile: true},
}

// EachCut calls run with a new disk of each model, and check with each disk that a power failure or a kill may leave
// before one of its changes, and at the end. It returns the number of these disks.
func EachCut(run func(*Disk), check func(left *Disk)) (states int) {
	for _, model := range Models {
		disk, random := NewDisk(model), rand.New(rand.NewPCG(1, 0))
		disk.OnChange = func() {
			disk.Cuts(random, func(left *Disk) { states++; check(left) })
			states++
			check(disk.Kill())
		}
		run(disk)
		disk.OnChange()
	}
	return states
}

// EachFailure calls run with a new disk for each of its calls and each fault. The call fails once. Failure describes
// it. It returns the number of runs.
func EachFailure(run func(disk *Disk, failure string)) (runs int) {
	var calls []string
	disk := NewDisk(Model{Piece: 512})
	disk.Fail = func(_ int, call, _ string) error {
		calls = append(calls, call)
		return nil
	}
	run(disk, "no failure")
	for number, call := range calls {
		for _, fault := range Faults {
			if !Applies(fault, call) {
				continue
			}
			disk := NewDisk(Model{Piece: 512})
			disk.Fail = func(n int, _, _ string) error {
				if n == number {
					return fault
				}
				return nil
			}
			run(disk, fmt.Sprintf("call %d, %s: %v", number, call, fault))
			runs++
		}
	}
	return runs
}
