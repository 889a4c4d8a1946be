// Package filter decides which events a client may see, with an expression over the event and the client's claims.
// The language is the one of expr-lang.org. It does no I/O and reads no clock.
package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"wpre-relay/schema"
)

// Viewer holds the attributes of a client that an expression can use. The zero value is the public.
type Viewer struct {
	Trusted bool           // the client's claims have the trusted capability
	Claims  map[string]any // from the token or the site, as encoding/json decodes them; read-only
}

// environment defines the names that an expression can use.
type environment struct {
	Type      string         `expr:"type"`
	Status    string         `expr:"status"`
	PostID    int            `expr:"post_id"`
	PostTitle string         `expr:"post_title"`
	IsUpdate  bool           `expr:"is_update"`
	Timestamp float64        `expr:"timestamp"`
	Event     map[string]any `expr:"event"`
	Trusted   bool           `expr:"trusted"`
	Token     bool           `expr:"token"` // same as Trusted: the name in release 1.0
	Claims    map[string]any `expr:"claims"`
}

// decodedEvents is the number of decoded events in the cache. It is enough for the events that all audiences are
// getting at one time.
const decodedEvents = 64

// Filter is a compiled expression. Use Parse or PublicStatus. It may be used by several goroutines.
type Filter struct {
	source  string
	program *vm.Program
	uses    uses     // of the expression
	claims  []string // the claims that the expression can use; nil: all

	// ignoresUntrusted is set if claims matter for trusted viewers only, so that all others share their frames.
	ignoresUntrusted bool

	vms   sync.Pool
	cache [decodedEvents]atomic.Pointer[decoded]
}

// decoded is an event as the environment of an expression.
type decoded struct {
	id  schema.ID
	env environment
}

// Parse compiles an expression with a boolean result. It can use the event's type, status, post_id, post_title,
// is_update and timestamp, which are "", 0 or false if the event does not have them; event, with all fields of the
// event; trusted, which is true for a client whose claims have the trusted capability; and claims, the claims of the
// token. token is an older name of trusted: any token used to be trusted. The error shows the place of a mistake.
func Parse(expression string) (*Filter, error) {
	finder := &nameFinder{}
	program, err := expr.Compile(expression,
		expr.Env(environment{}),
		expr.AsBool(),
		expr.DisableBuiltin("now"),  // the result for an event must not change
		expr.DisableBuiltin("type"), // the name is the type of the event
		expr.Patch(finder),
	)
	if err != nil && strings.Contains(err.Error(), `unexpected token Operator("=")`) {
		return nil, fmt.Errorf("%w\nTo compare two values, write ==", err)
	}
	if err != nil {
		return nil, err
	}
	f := &Filter{source: expression, program: program, uses: finder.uses, claims: finder.claims()}
	f.vms.New = func() any { return new(vm.VM) }
	return f, nil
}

// PublicStatus returns a filter that shows the public only events with one of these statuses. Trusted clients see all
// events of their site of a network. Other clients with a token see the same as the public.
func PublicStatus(statuses []string) (*Filter, error) {
	quoted := make([]string, len(statuses))
	for i, status := range statuses {
		quoted[i] = strconv.Quote(status)
	}
	f, err := Parse("status in [" + strings.Join(quoted, ", ") + "] || " +
		"trusted && (event.site_id == nil || event.site_id == claims.site_id)")
	if err != nil {
		return nil, err
	}
	f.ignoresUntrusted = true
	return f, nil
}

// String returns the expression.
func (f *Filter) String() string { return f.source }

// UnmarshalText parses an expression, like Parse.
func (f *Filter) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return fmt.Errorf("\n%w", err) // the error has three lines; a caret in the last one marks the place
	}
	f.source, f.program, f.uses, f.claims = parsed.source, parsed.program, parsed.uses, parsed.claims
	f.vms.New = parsed.vms.New
	return nil
}

// Shows reports whether the viewer may see the event. If the expression fails, for example because a claim is
// missing, the result is false and the error says why.
func (f *Filter) Shows(ev schema.Event, viewer Viewer) (bool, error) {
	env, err := f.decode(ev)
	if err != nil {
		return false, err
	}
	env.Trusted, env.Token, env.Claims = viewer.Trusted, viewer.Trusted, viewer.Claims
	machine := f.vms.Get().(*vm.VM)
	defer f.vms.Put(machine)
	out, err := machine.Run(f.program, env)
	if err != nil {
		return false, err
	}
	shows, ok := out.(bool)
	if !ok { // the result is a claim that is not a boolean
		return false, errors.New("the result is neither true nor false")
	}
	return shows, nil
}

// Key returns a text that is equal only for viewers that see the same events. It contains the claims that the
// expression can use.
func (f *Filter) Key(viewer Viewer) string {
	claims := viewer.Claims
	if f.ignoresUntrusted && !viewer.Trusted {
		return "public"
	}
	if f.claims != nil {
		claims = make(map[string]any)
		for _, name := range f.claims {
			if value, ok := viewer.Claims[name]; ok {
				claims[name] = value
			}
		}
	}
	text, err := json.Marshal(claims) // sorts the names
	if err != nil {
		panic(err) // impossible: the claims were decoded from JSON
	}
	return strconv.FormatBool(viewer.Trusted) + string(text)
}

// decode returns the environment for an event, without a viewer.
func (f *Filter) decode(ev schema.Event) (environment, error) {
	slot := &f.cache[int(ev.ID[0])%decodedEvents]
	if cached := slot.Load(); cached != nil && cached.id == ev.ID {
		return cached.env, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(ev.Document))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return environment{}, err
	}
	convertNumbers(fields)
	env := environment{Type: ev.Type, Timestamp: ev.Seconds, Event: fields}
	env.Status, _ = fields["status"].(string)
	env.PostID, _ = fields["post_id"].(int)
	env.PostTitle, _ = fields["post_title"].(string)
	env.IsUpdate, _ = fields["is_update"].(bool)
	slot.Store(&decoded{ev.ID, env})
	return env, nil
}

// convertNumbers replaces each json.Number in decoded JSON by an int if it fits, else by a float64. It changes maps
// and slices in place and returns the new value.
func convertNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, element := range value {
			value[name] = convertNumbers(element)
		}
	case []any:
		for i, element := range value {
			value[i] = convertNumbers(element)
		}
	case json.Number:
		if n, err := strconv.Atoi(value.String()); err == nil {
			return n
		}
		n, _ := value.Float64()
		return n
	}
	return value
}
