package admin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// journalLink is the storage of events: the journal, and with a broker the shared stream.
func (h Health) journalLink(report Report) Link {
	link := Link{Name: "journal", State: LinkOK, Text: plural(report.Kept, "event", "events") + " on disk"}
	hangs := ""
	if err := h.Hangs(); err != nil {
		hangs = err.Error()
	}
	dir := quote(h.StateDir)
	switch problem := cmp.Or(report.JournalError, report.StateProblem); {
	case hangs != "":
		link.State, link.Text = LinkBroken, hangs
		link.Fix = "Restore the file system of the state directory; the relay then continues by itself:"
		link.Paste = shell("findmnt --target "+dir, "dmesg --level=err,warn | tail")
	case problem != "":
		link.State, link.Text = LinkBroken, problem
		link.Fix = "Free space in the state directory, or make it writable for the relay:"
		link.Paste = shell("df -h "+dir, "df -i "+dir, "ls -ld "+dir)
	case report.Broker != nil && !report.Broker.Connected:
		link.State = LinkBroken
		link.Text = "the broker is unreachable: " + cmp.Or(report.Broker.Problem, "not connected yet")
		link.Fix = "Start the broker, or correct --broker; the relay keeps its events and sends them later. " +
			"This shows the address:"
		link.Paste = shell("wpre-relay config | grep broker")
	case report.Broker != nil && report.Broker.Lost > 0:
		link.State = LinkWarning
		link.Text = plural(report.Broker.Lost, "event", "events") + " will never reach the broker"
		link.Fix = "The broker was away for longer than the history of this relay. Raise --history, then restart the relay."
	case report.Broker != nil:
		link.Text = plural(report.Kept, "event", "events") + " in the history that all relays share"
	case h.Relay == nil:
		link.State, link.Text = LinkUnused, "this relay has no journal"
	}
	return link
}

// clientsLink is the delivery to the clients.
func (h Health) clientsLink(report Report) Link {
	link := Link{Name: "clients", State: LinkOK}
	reason, rejected := mostFrequent(report.Server.Rejected)
	switch err := h.Accepting(); {
	case err != nil:
		link.State, link.Text = LinkBroken, err.Error()
		link.Fix = "Give the relay more memory or open files, or restart it if its socket is broken:"
		link.Paste = shell("ss -ltnp", "systemctl restart wpre-relay")
	case h.Server() == nil:
		link.State, link.Text = LinkWaiting, "the history is not loaded yet"
	case report.Server.Clients > 0:
		link.Text = plural(uint64(report.Server.Clients), "client", "clients")
		if report.Delivery.Count > 0 {
			link.Text += fmt.Sprintf(", p50 %.2f ms", report.Delivery.P50)
		}
	case rejected > 0 && sum(report.Server.Closed) == 0: // no client has connected since the start
		link.State = LinkBroken
		link.Text = fmt.Sprintf("no client; %s rejected, most for the reason %s: %s",
			plural(rejected, "connection was", "connections were"), reason, allMeanings.Rejected[reason].Text)
		link.Fix = allMeanings.Rejected[reason].Fix
		link.Paste = allMeanings.Rejected[reason].Paste
	default:
		link.State, link.Text = LinkWaiting, "no client is connected"
		link.Fix = "Open a page of the site. If none connects, this names the place where connections end:"
		link.Paste = shell("wpre-relay check --url wss://www.example.com/ws")
	}
	return link
}

// mostFrequent returns the label with the highest count, the first one in the alphabet if several have it, and that
// count.
func mostFrequent(counts map[string]uint64) (label string, count uint64) {
	for _, l := range slices.Sorted(maps.Keys(counts)) {
		if counts[l] > count {
			label, count = l, counts[l]
		}
	}
	return label, count
}

// plural returns a number with its noun.
func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
