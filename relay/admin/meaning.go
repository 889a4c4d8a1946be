package admin

import "wpre-relay/relay"

// meaning explains a label to operators.
type meaning struct {
	Text  string    `json:"text"`
	Fix   string    `json:"fix"`             // "" if there is nothing to do
	Paste []Snippet `json:"paste,omitempty"` // lines that help to do it
}

// meanings explains labels of the status page.
type meanings struct {
	Decisions map[relay.Decision]meaning `json:"decisions"`
	Closed    map[string]meaning         `json:"closed"`   // by label of server.Status.Closed
	Rejected  map[string]meaning         `json:"rejected"` // by label of server.RejectionReasons
}

var allMeanings = meanings{Decisions: decisionMeanings, Closed: closeMeanings, Rejected: rejectionMeanings}

var decisionMeanings = map[relay.Decision]meaning{
	relay.Relayed:   {Text: "a new event, sent to the clients"},
	relay.Torn:      {Text: "a new event, sent; the rest of an older, longer one stood behind it and was ignored"},
	relay.Duplicate: {Text: "an event that was sent before"},
	relay.Filtered:  {Text: "a new event that the public may not see; clients with a token may get it"},
	relay.Invalid: {Text: "not an event: the reason is in the row",
		Fix: "Only the plugin should write the event file. Find the other program."},
	relay.Overwritten: {Text: "overwritten before the relay could read it; an estimate without the companion",
		Fix: "Install the companion, which stores every event."},
}

// closeMeanings are the codes of RFC 6455 §7.4.1 and of IANA's registry, as clients of the relay use them.
var closeMeanings = map[string]meaning{
	"1000": {Text: "the client closed the connection"},
	"1001": {Text: "the visitor left the page, or the relay stopped"},
	"1002": {Text: "the client violated the protocol", Fix: "A proxy may change the frames: let it pass upgrades on."},
	"1003": {Text: "the client does not accept the type of data"},
	"1005": {Text: "the client closed the connection without a code"},
	"1006": {Text: "the connection broke: network, sleep or a timeout of a proxy",
		Fix: "If most connections end so after the same time, raise the proxy's timeout above 60 seconds."},
	"1007": {Text: "the client sent text that is not UTF-8"},
	"1008": {Text: "the client's token expired, or it sent too many messages",
		Fix: "Tokens that expire are normal. For more messages: --message-rate."},
	"1009": {Text: "the client sent a message above the limit"},
	"1010": {Text: "the client needs an extension that the relay does not have"},
	"1011": {Text: "the client reported an internal error"},
	"1012": {Text: "the relay restarted; clients reconnect automatically"},
	"1013": {Text: "the client was too slow: events that it needed are no longer kept",
		Fix: "Raise --history to keep more events."},
	"1014":  {Text: "a proxy got an invalid answer"},
	"1015":  {Text: "the TLS handshake failed"},
	"none":  {Text: "an event stream (SSE) ended; it has no codes"},
	"other": {Text: "a code of the page's own script"},
}

var rejectionMeanings = map[string]meaning{
	"auth": {Text: "the site does not know or admit the visitor",
		Fix: "Log in to the site. If all are rejected, --auth-url may name the wrong address."},
	"auth_unavailable": {Text: "the site did not answer at --auth-url",
		Fix: "Check that this machine reaches the site:", Paste: shell("wpre-relay config | grep auth-url")},
	"behind":    {Text: "the client has events that this relay does not have yet; clients retry"},
	"buffers":   {Text: "the memory for slow clients is in use; clients retry"},
	"handshake": {Text: "the request was not a complete handshake", Fix: "Let the proxy pass Upgrade and Connection on."},
	"history":   {Text: "too many requests of /history at once; clients retry"},
	"host": {Text: "the host name is foreign: another page may have sent the request",
		Fix: "If a proxy on this machine sends it, allow the site:", Paste: allowOrigin},
	"internal": {Text: "the journal cannot be read", Fix: "The log names the file and the error."},
	"max_clients": {Text: "the limit of clients or of open files is reached",
		Fix: "Raise --max-clients, and the limit of open files (LimitNOFILE in systemd)."},
	"max_clients_per_ip": {Text: "too many clients at one address",
		Fix: "Behind a proxy, all clients share its address unless --trusted-proxy names it."},
	"origin":   {Text: "the page has another host name than the relay", Fix: "Allow the site:", Paste: allowOrigin},
	"position": {Text: "a parameter for the position is invalid", Fix: "Use positions as the relay sent them."},
	"rate": {Text: "too many requests of one address",
		Fix: "Behind a proxy, all clients share its address unless --trusted-proxy names it."},
	"token": {Text: "the token is missing, invalid or expired",
		Fix:   "Compare --jwt-key with the key of the site. To create a token for a test:",
		Paste: shell("wpre-relay token --help")},
	"types": {Text: "the parameter for event types is invalid"},
}

var allowOrigin = []Snippet{{Where: "As a flag, or as allow-origin in the configuration file",
	Lines: "--allow-origin https://www.example.com"}}
