package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// DescribeVersion returns the version, the version of Go and the platform. If version is "", it takes the version that
// the go command recorded in the binary.
func DescribeVersion(version string) string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = info.Main.Version
	}
	return fmt.Sprintf("%s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
