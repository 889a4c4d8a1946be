package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// leeway is by how much the clocks of who made a token and of this machine may differ.
const leeway = 10 * time.Second

// Claims is what a token says, as JSON is decoded.
type Claims = map[string]any

// Check is what a token must be.
type Check struct {
	Keys     []Key  // one of them has signed it: several are for the time in which keys change
	Audience string // it is meant for this one; "": for whomever
	Issuer   string // it comes from this one; "": from whomever
}

// Verify returns what the token says, and from when on it does not count. It must have an end (exp), and have begun
// (nbf); clocks may differ by 10 s. The error does not hold the token.
func (c Check) Verify(token string) (Claims, time.Time, error) {
	options := []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithLeeway(leeway)}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	claims := jwt.MapClaims{}
	if _, err := jwt.NewParser(options...).ParseWithClaims(token, claims, c.keysFor); err != nil {
		return nil, time.Time{}, explain(err)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil {
		return nil, time.Time{}, err
	}
	return Claims(claims), expires.Add(leeway), nil
}

// keysFor returns the keys for the algorithm that the token names.
func (c Check) keysFor(token *jwt.Token) (any, error) {
	var set jwt.VerificationKeySet
	for _, key := range c.Keys {
		if key.Algorithm() == token.Method.Alg() {
			set.Keys = append(set.Keys, key.verify)
		}
	}
	if len(set.Keys) == 0 {
		return nil, fmt.Errorf("there is no key for the algorithm %s", token.Method.Alg())
	}
	return set, nil
}

// explain returns why a token does not count, in one line without what it holds.
func explain(err error) error {
	for _, known := range []struct{ is, text error }{
		{jwt.ErrTokenExpired, errors.New("the token has expired")},
		{jwt.ErrTokenNotValidYet, errors.New("the token is not valid yet")},
		{jwt.ErrTokenInvalidAudience, errors.New("the token is for another audience")},
		{jwt.ErrTokenInvalidIssuer, errors.New("the token is from another issuer")},
		{jwt.ErrTokenRequiredClaimMissing, errors.New("the token lacks a claim that is required: exp, and aud and iss if they are checked")},
		{jwt.ErrTokenMalformed, errors.New("it is not a JSON Web Token")},
		{jwt.ErrTokenSignatureInvalid, errors.New("the token's signature is of no key that counts")},
	} {
		if errors.Is(err, known.is) {
			return known.text
		}
	}
	return errors.New("the token's algorithm is of no key that counts")
}

// Mint returns a token that says claims, signed with the key, which must not be a public one.
func Mint(key Key, claims Claims) (string, error) {
	if key.sign == nil {
		return "", errors.New("a token is signed with a private key or a secret; this is a public key")
	}
	return jwt.NewWithClaims(key.method, jwt.MapClaims(claims)).SignedString(key.sign)
}
