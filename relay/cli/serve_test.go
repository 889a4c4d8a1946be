package cli_test

import (
	"io"
	"reflect"
	"testing"

	"wpre-relay/relay/cli"
	"wpre-relay/relay/config"
)

// TestFlagDefaultsEqualConfigDefaults compares the defaults in the flags' tags with those of package config.
func TestFlagDefaultsEqualConfigDefaults(t *testing.T) {
	c, _, err := cli.Parse([]string{"--watch", "x"}, "", io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Watch = "x"
	if got := c.Serve.Settings(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
