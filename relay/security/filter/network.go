package filter

import (
	"fmt"
	"slices"

	"wpre-relay/schema"
)

// NetworkExpression is a filter for a network of sites. It shows drafts only to trusted users of the event's site. An
// event or a token that names no site is not enough: two absent values would be equal.
const NetworkExpression = `status == "publish" or ` +
	`trusted and claims.site_id != nil and event.site_id == claims.site_id`

// hiddenStatuses are the statuses of posts that WordPress does not show to visitors.
var hiddenStatuses = []string{"draft", "private", "pending", "auto-draft", "future", "trash"}

// SeparatesSites reports whether the filter hides the drafts of each site of a network from users of the others, and
// drafts whose site is unknown from all of them. A nil filter hides nothing.
//
// The result is an estimate. It comes from events of another site or of none, for the public and for a user with all
// usual roles and capabilities. So it is wrong for a filter that reveals drafts only for other values, such as one
// title. An expression that uses claims without comparing sites counts as not separating, even if the claims name
// something else that belongs to one site only.
func (f *Filter) SeparatesSites() bool {
	if f == nil {
		return false
	}
	if f.uses.viewer && !(f.uses.eventSite && (f.claims == nil || slices.Contains(f.claims, "site_id"))) {
		return false
	}
	for _, status := range hiddenStatuses {
		for _, site := range []string{"", `,"site_id":2`} {
			ev, _, err := schema.Decode(fmt.Appendf(nil, networkEvent, status, site), 0)
			if err != nil {
				panic(err) // impossible: the document is constant
			}
			for _, viewer := range networkViewers {
				if shows, _ := f.Shows(ev, viewer); shows {
					return false
				}
			}
		}
	}
	return true
}

// networkEvent is an event with a status and more members.
const networkEvent = `{"timestamp":1,"type":"post_saved","post_id":1,"post_title":"A","is_update":true,` +
	`"post_type":"post","status":%q%s}`

// networkViewers are the public, a user of the site 1, and a user without a site.
var networkViewers = []Viewer{{}, {true, networkClaims(1.0)}, {true, networkClaims(nil)}}

// networkClaims returns claims with all usual roles and capabilities.
func networkClaims(site any) map[string]any {
	claims := map[string]any{
		"sub":     "1",
		"forward": true,
		"roles":   []any{"administrator", "editor", "author", "contributor", "subscriber"},
		"caps": []any{"read", "edit_posts", "edit_others_posts", "read_private_posts", "publish_posts",
			"manage_options", "manage_network"},
	}
	if site != nil {
		claims["site_id"] = site
	}
	return claims
}
