package verb

import (
	"fmt"
	"io"

	"wpre-relay/relay/cli"
	"wpre-relay/relay/security"
)

// Token makes a token and writes it to out, on a line of its own.
func Token(t cli.Token, out io.Writer) error {
	minted, err := security.Mint(t.JWTKey, t.Claims())
	if err == nil {
		_, err = fmt.Fprintln(out, minted)
	}
	return err
}
