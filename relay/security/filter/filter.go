// Package filter decides which events a client may see, by an expression over the event and what is known of the client.
// The language is that of expr-lang.org. It does no I/O and reads no clock.
package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"wpre-relay/schema"
)

// Viewer is what is known of a client. The zero value is the public.
type Viewer struct {
	Token  bool           // it has a token, or the site vouches for it
	Claims map[string]any // what that says, as JSON is decoded; not to be changed
}

// environment is what an expression can name.
type environment struct {
	Type      string         `expr:"type"`
	Status    string         `expr:"status"`
	PostID    int            `expr:"post_id"`
	PostTitle string         `expr:"post_title"`
	IsUpdate  bool           `expr:"is_update"`
	Timestamp float64        `expr:"timestamp"`
	Event     map[string]any `expr:"event"`
	Token     bool           `expr:"token"`
	Claims    map[string]any `expr:"claims"`
}

// remembered bounds the events that are kept decoded: those that all kinds of clients are being told of.
const remembered = 64

// Filter is a compiled expression. It may be used from several goroutines. Use Parse or PublicStatus.
type Filter struct {
	source  string
	program *vm.Program
	used    []string // the claims that the expression names; nil if it may use any
	vms     sync.Pool
	decoded [remembered]atomic.Pointer[decoded]
}

// decoded is an event as the expression sees it.
type decoded struct {
	id    schema.ID
	event environment
}

// Parse compiles an expression, which must be true or false. It can name the event's type, status, post_id, post_title,
// is_update and timestamp, of which those that an event has not are "", 0 or false; event, all of its fields; token,
// whether the client has a token; and claims, what that says. The error shows the place.
func Parse(expression string) (*Filter, error) {
	claims := &usedClaims{}
	program, err := expr.Compile(expression,
		expr.Env(environment{}),
		expr.AsBool(),
		expr.DisableBuiltin("now"),  // it must always say the same of an event
		expr.DisableBuiltin("type"), // it is the event's
		expr.Patch(claims),
	)
	if err != nil {
		return nil, err
	}
	f := &Filter{source: expression, program: program, used: claims.names}
	if claims.any {
		f.used = nil
	} else if f.used == nil {
		f.used = []string{}
	}
	f.vms.New = func() any { return new(vm.VM) }
	return f, nil
}

// PublicStatus returns the filter that shows the public only events with one of these statuses, and clients with a token
// all.
func PublicStatus(statuses []string) (*Filter, error) {
	quoted := make([]string, len(statuses))
	for i, status := range statuses {
		quoted[i] = strconv.Quote(status)
	}
	return Parse("token || status in [" + strings.Join(quoted, ", ") + "]")
}

// String returns the expression.
func (f *Filter) String() string { return f.source }

// UnmarshalText is Parse.
func (f *Filter) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return fmt.Errorf("\n%w", err) // it has three lines, the last with a caret
	}
	f.source, f.program, f.used, f.vms.New = parsed.source, parsed.program, parsed.used, parsed.vms.New
	return nil
}

// Shows reports whether the viewer may see the event. It may not if the expression has no answer, as when it compares
// with a claim that is not there; the error says why.
func (f *Filter) Shows(ev schema.Event, to Viewer) (bool, error) {
	env, err := f.decode(ev)
	if err != nil {
		return false, err
	}
	env.Token, env.Claims = to.Token, to.Claims
	machine := f.vms.Get().(*vm.VM)
	defer f.vms.Put(machine)
	out, err := machine.Run(f.program, env)
	if err != nil {
		return false, err
	}
	shows, ok := out.(bool)
	if !ok { // a claim of another type where one that is true or false is meant
		return false, errors.New("it is neither true nor false")
	}
	return shows, nil
}

// Key returns what tells viewers apart that may not see the same: viewers with equal keys may.
func (f *Filter) Key(viewer Viewer) string {
	claims := viewer.Claims
	if f.used != nil {
		claims = make(map[string]any)
		for _, name := range f.used {
			if value, ok := viewer.Claims[name]; ok {
				claims[name] = value
			}
		}
	}
	text, err := json.Marshal(claims) // in the order of names
	if err != nil {
		panic(err) // they are made of JSON
	}
	return strconv.FormatBool(viewer.Token) + string(text)
}

// decode returns the event as the expression sees it, without a viewer.
func (f *Filter) decode(ev schema.Event) (environment, error) {
	slot := &f.decoded[int(ev.ID[0])%remembered]
	if known := slot.Load(); known != nil && known.id == ev.ID {
		return known.event, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(ev.Document))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return environment{}, err
	}
	plain(fields)
	env := environment{Type: ev.Type, Timestamp: ev.Seconds, Event: fields}
	env.Status, _ = fields["status"].(string)
	env.PostID, _ = fields["post_id"].(int)
	env.PostTitle, _ = fields["post_title"].(string)
	env.IsUpdate, _ = fields["is_update"].(bool)
	slot.Store(&decoded{ev.ID, env})
	return env, nil
}

// plain replaces numbers in decoded JSON, in place: by ints where they are whole and small enough, else by floats. It
// returns what stands for the value itself.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, element := range value {
			value[name] = plain(element)
		}
	case []any:
		for i, element := range value {
			value[i] = plain(element)
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

// usedClaims finds out which claims an expression names.
type usedClaims struct {
	names []string
	all   int  // how often claims are named at all
	named int  // of these with a name behind
	any   bool // it may use any
}

// Visit implements ast.Visitor. Children come before what they belong to.
func (u *usedClaims) Visit(node *ast.Node) {
	switch node := (*node).(type) {
	case *ast.IdentifierNode:
		if node.Value == "claims" || node.Value == "$env" {
			u.all++
		}
	case *ast.MemberNode:
		from, isName := node.Node.(*ast.IdentifierNode)
		name, isConstant := node.Property.(*ast.StringNode)
		if isName && from.Value == "claims" && isConstant {
			u.named++
			if !slices.Contains(u.names, name.Value) {
				u.names = append(u.names, name.Value)
			}
		}
	}
	u.any = u.named < u.all
}
