package filter

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// uses tells which names an expression uses. It does not notice $env.
type uses struct {
	viewer    bool // trusted, token or claims
	eventSite bool // event.site_id
}

// nameFinder finds the names that an expression uses.
type nameFinder struct {
	uses       uses
	names      []string // the claims that are accessed by a constant name
	claimsUses int      // uses of the variable claims, or of all variables
	members    int      // the uses that access one claim by a constant name
}

// claims returns the claims that the expression can use, or nil if it can use any.
func (f *nameFinder) claims() []string {
	if f.members < f.claimsUses {
		return nil
	}
	return append([]string{}, f.names...) // not nil
}

// Visit implements ast.Visitor.
func (f *nameFinder) Visit(node *ast.Node) {
	switch node := (*node).(type) {
	case *ast.IdentifierNode:
		switch node.Value {
		case "claims", "$env":
			f.claimsUses++
			f.uses.viewer = true
		case "trusted", "token":
			f.uses.viewer = true
		}
	case *ast.MemberNode:
		variable, isVariable := node.Node.(*ast.IdentifierNode)
		name, isConstant := node.Property.(*ast.StringNode)
		if isVariable && isConstant {
			f.visitMember(variable.Value, name.Value)
		}
	}
}

func (f *nameFinder) visitMember(variable, name string) {
	switch variable {
	case "claims":
		f.members++
		if !slices.Contains(f.names, name) {
			f.names = append(f.names, name)
		}
	case "event":
		f.uses.eventSite = f.uses.eventSite || name == "site_id"
	}
}
