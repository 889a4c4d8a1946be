package filter_test

import (
	"testing"

	"wpre-relay/relay/security/filter"
)

// separating are expressions, and whether they keep the drafts of sites apart.
var separating = map[string]bool{
	filter.NetworkExpression:           true,
	`status == "publish"`:              true,
	`status in ["publish", "inherit"]`: true,
	`type == "initialized"`:            true,
	`false`:                            true,
	`event.site_id == 1`:               true,
	`status == "publish" or event["site_id"] == claims["site_id"] and claims.site_id != nil`: true,
	`claims.site_id != nil and claims.site_id == event.site_id and "editor" in claims.roles`: true,

	`true`:                           false,
	`status != "private"`:            false,
	`trusted or status == "publish"`: false,
	`token or status == "publish"`:   false,
	`status == "publish" or "editor" in claims.roles`:                                false,
	`status == "publish" or "administrator" in claims.roles`:                         false,
	`status == "publish" or claims.level > 3`:                                        false, // not in the claims
	`status == "publish" or claims.site_id != nil`:                                   false,
	`status == "publish" or trusted and claims.site_id != nil and event.post_id > 7`: false,
	`status == "publish" or event.site_id == claims.site_id`:                         false, // both absent
	`status == "publish" or trusted and event.site_id == claims.site_id`:             false, // both absent
	`status == "publish" or trusted and (event.site_id ?? 1) == claims.site_id`:      false,
	`status == "publish" or trusted and event.site_id in [nil, claims.site_id]`:      false,
	`trusted and (claims.site_id == nil or claims.site_id == event.site_id)`:         false,
	`status == "publish" or event.site_id != claims.site_id`:                         false,
	`len(claims) > 0`: false,
}

func TestSeparatesSites(t *testing.T) {
	for expression, want := range separating {
		f, err := filter.Parse(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if got := f.SeparatesSites(); got != want {
			t.Errorf("%s: %v, want %v", expression, got, want)
		}
	}
	if (*filter.Filter)(nil).SeparatesSites() {
		t.Error("no filter separates sites")
	}
}

// networkCases are viewers of a draft of site 2 of a network.
var networkCases = []struct {
	claims string
	sees   bool // the draft of site 2
}{
	{"", false},
	{`{}`, false},
	{`{"site_id":2}`, true},
	{`{"site_id":2.0}`, true},
	{`{"site_id":1}`, false},
	{`{"site_id":"2"}`, false},
	{`{"site_id":null}`, false},
	{`{"site_id":[2]}`, false},
	{`{"site_id":2.5}`, false},
	{`{"site":2}`, false},
}

// TestPublicStatusHasOneViewForAllUntrustedViewers compares the keys of viewers. Viewers with one key share frames.
func TestPublicStatusHasOneViewForAllUntrustedViewers(t *testing.T) {
	f, err := filter.PublicStatus([]string{"publish"})
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for _, claims := range []string{"", `{}`, `{"sub":"1","site_id":1}`, `{"sub":"2","site_id":2}`} {
		v := viewer(t, claims)
		v.Trusted = false
		keys[f.Key(v)] = true
	}
	if len(keys) != 1 {
		t.Errorf("untrusted viewers have the keys %v, want one", keys)
	}
	for _, claims := range []string{`{"site_id":1}`, `{"site_id":2}`} {
		keys[f.Key(viewer(t, claims))] = true
	}
	if len(keys) != 3 {
		t.Errorf("the keys are %v, want one more for the trusted viewers of each site", keys)
	}
}

// TestDraftsOfAnotherSiteAreHidden also tries --public-status, which shows drafts without a site to trusted clients.
func TestDraftsOfAnotherSiteAreHidden(t *testing.T) {
	network, err := filter.Parse(filter.NetworkExpression)
	if err != nil {
		t.Fatal(err)
	}
	status, err := filter.PublicStatus([]string{"publish"})
	if err != nil {
		t.Fatal(err)
	}
	ofTwo := event(t, `{"timestamp":1,"status":"draft","site_id":2}`)
	ofNone := event(t, `{"timestamp":1,"status":"draft"}`)
	for _, tc := range networkCases {
		v := viewer(t, tc.claims)
		if got, _ := network.Shows(ofTwo, v); got != tc.sees {
			t.Errorf("%s: sees the draft of site 2: %v", tc.claims, got)
		}
		if got, _ := network.Shows(ofNone, v); got {
			t.Errorf("%s: sees the draft without a site: %v", tc.claims, got)
		}
		if got, _ := status.Shows(ofTwo, v); got != tc.sees {
			t.Errorf("--public-status, %s: sees the draft of site 2: %v", tc.claims, got)
		}
		if got, _ := status.Shows(ofNone, v); got != v.Trusted {
			t.Errorf("--public-status, %s: sees the draft without a site: %v", tc.claims, got)
		}
		v.Trusted = false
		if got, _ := network.Shows(ofTwo, v); got {
			t.Errorf("%s, not trusted: sees the draft of site 2", tc.claims)
		}
	}
}
