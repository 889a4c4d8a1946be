package cli

import (
	"encoding/json"
	"errors"
	"time"
)

// Token are the settings of a token to be made.
type Token struct {
	JWTKey      string            `name:"jwt-key" type:"path" placeholder:"FILE" help:"Sign with the secret or the private key in this file. Required."`
	Subject     string            `placeholder:"NAME" help:"For whom it is (sub)."`
	Expires     time.Duration     `placeholder:"TIME" default:"1h" help:"For how long it counts (default: ${default})."`
	JWTAudience string            `name:"jwt-audience" placeholder:"NAME" help:"The relay that it is for (aud)."`
	JWTIssuer   string            `name:"jwt-issuer" placeholder:"NAME" help:"By whom it is (iss)."`
	Claim       map[string]string `placeholder:"NAME=VALUE" help:"What else it says, for --filter: VALUE is JSON, or else a text, as --claim 'roles=[\"editor\"]'; may be repeated." mapsep:"none"`
}

// Validate refuses what cannot be meant.
func (t *Token) Validate() error {
	switch {
	case t.JWTKey == "":
		return errors.New("--jwt-key is missing: the file with the secret, or with the private key of the relay's public one")
	case t.Expires <= 0:
		return errors.New("--expires must be more than 0")
	}
	return nil
}

// Claims returns what the token is to say.
func (t *Token) Claims() map[string]any {
	claims := map[string]any{"iat": time.Now().Unix(), "exp": time.Now().Add(t.Expires).Unix()}
	for name, text := range map[string]string{"sub": t.Subject, "aud": t.JWTAudience, "iss": t.JWTIssuer} {
		if text != "" {
			claims[name] = text
		}
	}
	for name, text := range t.Claim {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		claims[name] = value
	}
	return claims
}
