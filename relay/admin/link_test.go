package admin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/server"
	"wpre-relay/relay/sharedlog"
)

// working returns a relay whose links are all green.
func working() (Health, Report, relay.Change) {
	health := Health{
		Relay:     new(relay.Relay),
		Server:    func() *server.Server { return new(server.Server) },
		Accepting: func() error { return nil },
		Hangs:     func() error { return nil },
		StateDir:  "/var/lib/wpre-relay",
	}
	watch := Watch{File: "/wp site/wp-content/realtime-events/latest_event.json", Mode: "inotify", Present: true,
		Heartbeat: time.Now()}
	report := Report{Watch: &watch, Server: server.Status{Clients: 2}, Decisions: map[relay.Decision]uint64{}}
	return health, report, relay.Change{Decision: relay.Relayed}
}

// linkCases change one thing of a relay that works. states has the first letter of each link's state; text is a part of
// the text, the fix or the lines of the first link that is not ok.
var linkCases = map[string]struct {
	change func(*Health, *Report, *relay.Change)
	states string
	text   string
}{
	"works":        {func(*Health, *Report, *relay.Change) {}, "ooooo", ""},
	"no file yet":  {func(_ *Health, r *Report, _ *relay.Change) { r.Watch.Present = false }, "woooo", "='/wp site'"},
	"not watched":  {func(_ *Health, r *Report, _ *relay.Change) { r.Watch.Mode = "" }, "owooo", "not watched yet"},
	"unreadable":   {func(_ *Health, r *Report, _ *relay.Change) { r.Watch.Problem = "denied" }, "obooo", "namei"},
	"hangs":        {func(_ *Health, r *Report, _ *relay.Change) { r.Watch.Hangs = "read x" }, "obooo", "findmnt"},
	"blocked":      {func(_ *Health, r *Report, _ *relay.Change) { r.Watch.Heartbeat = time.Time{} }, "obooo", "find"},
	"polls":        {func(_ *Health, r *Report, _ *relay.Change) { r.Watch.Reason = "NFS" }, "ooooo", ""},
	"no change":    {func(_ *Health, _ *Report, c *relay.Change) { c.Decision = "" }, "oowoo", "no change"},
	"invalid":      {func(_ *Health, _ *Report, c *relay.Change) { c.Decision = relay.Invalid }, "ooboo", "head -c"},
	"overwritten":  {setOverwritten(false), "ooWoo", "/mu-plugins/wpre-relay-companion.php"},
	"has outbox":   {setOverwritten(true), "ooooo", ""},
	"journal":      {func(_ *Health, r *Report, _ *relay.Change) { r.JournalError = "no space" }, "ooobo", "df -h /var"},
	"state":        {func(_ *Health, r *Report, _ *relay.Change) { r.StateProblem = "lost" }, "ooobo", "ls -ld /var/lib"},
	"state hangs":  {func(h *Health, _ *Report, _ *relay.Change) { h.Hangs = hangs }, "ooobo", "findmnt"},
	"broker away":  {setBroker(sharedlog.Status{Problem: "refused"}), "ooobo", "refused"},
	"broker lost":  {setBroker(sharedlog.Status{Connected: true, Lost: 1}), "oooWo", "1 event will never"},
	"broker":       {setBroker(sharedlog.Status{Connected: true}), "ooooo", ""},
	"deaf":         {func(h *Health, _ *Report, _ *relay.Change) { h.Accepting = hangs }, "oooob", "ss -ltnp"},
	"loading":      {func(h *Health, _ *Report, _ *relay.Change) { h.Server = noServer }, "oooow", "not loaded"},
	"no client":    {func(_ *Health, r *Report, _ *relay.Change) { r.Server = server.Status{} }, "oooow", "check --url"},
	"all rejected": {setServer(0, 0), "oooob", "--allow-origin"},
	"some left":    {setServer(0, 1), "oooow", "no client"},
	"edge relay":   {setEdge(false), "uuuoo", "from the broker"},
	"publisher":    {setEdge(true), "uuuoo", "POST /publish"},
}

func hangs() error { return errors.New("broken") }

func noServer() *server.Server { return nil }

func setOverwritten(outbox bool) func(*Health, *Report, *relay.Change) {
	return func(_ *Health, r *Report, _ *relay.Change) {
		r.Decisions[relay.Overwritten], r.Watch.Outbox = 1, outbox
	}
}

func setBroker(status sharedlog.Status) func(*Health, *Report, *relay.Change) {
	return func(_ *Health, r *Report, _ *relay.Change) { r.Broker = &status }
}

func setServer(clients int, closed uint64) func(*Health, *Report, *relay.Change) {
	return func(_ *Health, r *Report, _ *relay.Change) {
		r.Server = server.Status{Clients: clients, Rejected: map[string]uint64{"origin": 2, "rate": 1},
			Closed: map[string]uint64{"1001": closed}}
	}
}

func setEdge(publishing bool) func(*Health, *Report, *relay.Change) {
	return func(h *Health, r *Report, _ *relay.Change) {
		h.Relay, r.Watch, r.Publishing = nil, nil, publishing
		r.Broker = &sharedlog.Status{Connected: true}
	}
}

var linkLetters = map[LinkState]string{
	LinkOK: "o", LinkWaiting: "w", LinkWarning: "W", LinkBroken: "b", LinkUnused: "u",
}

// TestLinksNameTheBrokenOneAndItsFix requires that each link that does not work names a fix.
func TestLinksNameTheBrokenOneAndItsFix(t *testing.T) {
	for name, tc := range linkCases {
		health, report, last := working()
		tc.change(&health, &report, &last)
		var states, text string
		for _, link := range health.links(report, last) {
			states += linkLetters[link.State]
			if link.Text == "" {
				t.Errorf("%s: link %s has no text", name, link.Name)
			}
			if link.State != LinkOK && text == "" {
				text = link.Text + link.Fix
				for _, snippet := range link.Paste {
					text += snippet.Lines
				}
			}
			if broken := link.State == LinkBroken || link.State == LinkWarning; broken && link.Fix == "" {
				t.Errorf("%s: link %s is %s and has no fix", name, link.Name, link.State)
			}
		}
		if states != tc.states || !strings.Contains(text, tc.text) {
			t.Errorf("%s: states %s with %q, want %s with %q", name, states, text, tc.states, tc.text)
		}
	}
}

// TestEachLabelHasAMeaning covers all labels that the relay uses.
func TestEachLabelHasAMeaning(t *testing.T) {
	for _, label := range server.RejectionReasons() {
		if allMeanings.Rejected[label].Text == "" {
			t.Errorf("rejection %s has no meaning", label)
		}
	}
	for decision := range new(relay.Decisions).Counts() {
		if allMeanings.Decisions[decision].Text == "" {
			t.Errorf("decision %s has no meaning", decision)
		}
	}
	codes := "1000 1001 1002 1003 1005 1006 1007 1008 1009 1010 1011 1012 1013 1014 1015 none other"
	for code := range strings.FieldsSeq(codes) {
		if allMeanings.Closed[code].Text == "" {
			t.Errorf("close code %s has no meaning", code)
		}
	}
}
