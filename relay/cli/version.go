package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// Version prints the version, as the flag --version does.
type Version struct{ text string }

// AfterApply gets the version from kong.
func (v *Version) AfterApply(vars kong.Vars) error {
	v.text = vars["version"]
	return nil
}

func (*Version) validate() error { return nil }

func (v *Version) run(_ context.Context, env Env) error {
	_, err := fmt.Fprintln(env.Stdout, v.text)
	return err
}

// DescribeVersion returns the version, the version of Go and the platform. If version is "", it takes the version that
// the go command recorded in the binary.
func DescribeVersion(version string) string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = info.Main.Version
	}
	return fmt.Sprintf("%s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
