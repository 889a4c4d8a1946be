package access

// Reason says why a client is not admitted.
type Reason uint8

const (
	// Unavailable means that authentication failed for a reason that is not the client's. It is the zero value, so
	// that a missing reason rejects the client, too.
	Unavailable Reason = iota

	// InvalidToken means that the token is missing or invalid.
	InvalidToken

	// UnknownClient means that the site does not know the client.
	UnknownClient

	// Forbidden means that the site knows the client and does not admit it.
	Forbidden
)

// Rejection is the error for a client that is not admitted.
type Rejection struct {
	Reason Reason
	Text   string // for the client; it contains no secret
}

// Error implements error.
func (r *Rejection) Error() string { return r.Text }
