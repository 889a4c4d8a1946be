package bench

import (
	"os"
	"time"
)

// figures are what is measured at one moment. What is not known is nil.
type usage struct {
	resident, peak *int64         // the server's memory
	tcp            *int64         // the kernel's
	cpu, bench     *time.Duration // the server's and this process's CPU time
}

// measure returns the figures of now; those of the server only if its process is given.
func measureUsage(server int) usage {
	var f usage
	if server != 0 {
		f.cpu = orNil(process(server).cpuTime())
		if resident, peak, err := process(server).memory(); err == nil {
			f.resident, f.peak = &resident, &peak
		}
	}
	f.bench = orNil(process(os.Getpid()).cpuTime())
	f.tcp = orNil(tcpMemory())
	return f
}

// known returns nil for what could not be measured.
func orNil[T any](value T, err error) *T {
	if err != nil {
		return nil
	}
	return &value
}

// growth returns by how much a figure has grown from a to b, nil if one of them is not known.
func growth[T ~int64](a, b *T) *T {
	if a == nil || b == nil {
		return nil
	}
	return new(*b - *a)
}

// share returns total in parts of n, nil if that is not known.
func perUnit[T ~int64](total *T, n uint64) *float64 {
	if total == nil || n == 0 {
		return nil
	}
	return new(float64(*total) / float64(n))
}
