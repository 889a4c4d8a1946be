package cli

import (
	"net/url"
	"reflect"

	"github.com/alecthomas/kong"
)

// decodeURL is kong's mapper for URLs. Its error repeats no part of the input, since the part that cannot be parsed
// is usually a password.
func decodeURL(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("url", &text); err != nil {
		return err
	}
	address, err := url.Parse(text)
	if err != nil {
		return safeError("not a valid URL; in a user name or password, write all characters except letters, " +
			"digits and -._~ as %XX")
	}
	target.Set(reflect.ValueOf(address))
	return nil
}
