package cli_test

import (
	"io"
	"reflect"
	"testing"

	"wpre-relay/relay/cli"
	"wpre-relay/relay/config"
)

// parse returns the command line of these arguments.
func parse(args ...string) (*cli.CLI, error) { return cli.Parse(args, "", io.Discard, func(int) {}) }

// TestFlagDefaultsEqualConfigDefaults compares the defaults in the flags' tags with config.Default.
func TestFlagDefaultsEqualConfigDefaults(t *testing.T) {
	c, err := parse("--watch", "x")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Watch = "x"
	if got := c.Serve.Settings(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
