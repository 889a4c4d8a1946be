package config_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/config"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
)

// parseURL returns the URL of a valid text.
func parseURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

// settingChanges change valid settings in one place each. An empty want means that they stay valid; otherwise the
// error contains it.
var settingChanges = map[string]struct {
	change func(r *config.Relay)
	want   string
}{
	"defaults":          {func(*config.Relay) {}, ""},
	"nothing to ingest": {func(r *config.Relay) { r.Watch = "" }, "--watch"},
	"broker without watch": {func(r *config.Relay) {
		r.Watch, r.Broker = "", parseURL("redis://localhost")
	}, ""},
	"unknown broker":          {func(r *config.Relay) { r.Broker = parseURL("mysql://localhost") }, "--broker"},
	"empty history":           {func(r *config.Relay) { r.History = 0 }, "--history"},
	"negative age":            {func(r *config.Relay) { r.HistoryAge = -1 }, "--history-age"},
	"negative debounce":       {func(r *config.Relay) { r.Debounce = -time.Second }, "--debounce"},
	"negative drain":          {func(r *config.Relay) { r.Drain = -1 }, "--drain"},
	"negative clients":        {func(r *config.Relay) { r.MaxClients = -1 }, "--max-clients"},
	"certificate without key": {func(r *config.Relay) { r.TLSCert = "c" }, "--tls-key"},
	"two certificates": {func(r *config.Relay) {
		r.TLSCert, r.TLSKey, r.ACMEDomain = "c", "k", []string{"x"}
	}, "--acme-domain"},
	"ACME without domain":    {func(r *config.Relay) { r.ACMEListen = ":80" }, "--acme-domain"},
	"audience without key":   {func(r *config.Relay) { r.JWTAudience = "a" }, "--jwt-key"},
	"cookie without key":     {func(r *config.Relay) { r.JWTCookie = "c" }, "--jwt-key"},
	"no cookie":              {func(r *config.Relay) { r.JWTCookie = config.Off }, ""},
	"relative auth URL":      {func(r *config.Relay) { r.AuthURL = parseURL("/auth") }, "--auth-url"},
	"anonymous without auth": {func(r *config.Relay) { r.AllowAnonymous = true }, "--allow-anonymous"},
	"filter and status": {func(r *config.Relay) {
		r.Filter, r.PublicStatus = new(filter.Filter), []string{"x"}
	}, "--public-status"},
	"status without public": {func(r *config.Relay) {
		r.JWTKey, r.PublicStatus = []string{"k"}, []string{"x"}
	}, ""},
	"no capability":            {func(r *config.Relay) { r.TrustedCapability = "" }, "--trusted-capability"},
	"PROXY protocol of no one": {func(r *config.Relay) { r.ProxyProtocol = true }, "--trusted-proxy"},
	"PROXY protocol": {func(r *config.Relay) {
		r.ProxyProtocol, r.TrustedProxy = true, make([]clientaddr.Network, 1)
	}, ""},
	"no messages":  {func(r *config.Relay) { r.MessageRate = 0 }, "--message-rate"},
	"short secret": {func(r *config.Relay) { r.PublishToken = "fifteen bytes.." }, "16 bytes"},
	"publishing without admin": {func(r *config.Relay) {
		r.PublishToken, r.AdminListen = "0123456789abcdef", config.Off
	}, "--admin-listen"},
	"forwarding of no messages": {func(r *config.Relay) {
		r.ForwardURL = parseURL("https://x/")
	}, "--peer-messages"},
	"forwarding": {func(r *config.Relay) {
		r.ForwardURL, r.PeerMessages = parseURL("https://x/"), true
	}, ""},
}

func TestValidateNamesTheFlag(t *testing.T) {
	for name, tc := range settingChanges {
		settings := config.Default()
		settings.Watch = "/var/www/html"
		tc.change(&settings)
		err := settings.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func TestStatePathUsesTheFirstDirectoryThatIsSet(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "relative is ignored")
	t.Setenv("STATE_DIRECTORY", "")
	capture := config.Capture{}
	check := func(want string) {
		t.Helper()
		got, err := capture.StatePath("/srv/wp/wp-content/realtime-events/latest_event.json")
		if err != nil || filepath.Dir(got) != want || !strings.HasPrefix(filepath.Base(got), "srv-wp-wp-content-") {
			t.Errorf("got %s, %v, want a directory in %s", got, err, want)
		}
	}
	check(filepath.Join(home, ".local", "state", "wpre-relay"))
	t.Setenv("XDG_STATE_HOME", "/xdg")
	check("/xdg/wpre-relay")
	t.Setenv("STATE_DIRECTORY", "/systemd:/other")
	check("/systemd")
	capture.StateDir = "/flag"
	check("/flag")
}

func TestStatePathDiffersForEachFile(t *testing.T) {
	capture := config.Capture{StateDir: "/state"}
	long := strings.Repeat("/a long name", 40)
	paths := make(map[string]string)
	for _, file := range []string{"/a/b/f", "/a-b/f", "/a b/f", long + "/1/f", long + "/2/f", "/é" + long + "/f"} {
		path, err := capture.StatePath(file)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := paths[path]; taken || len(filepath.Base(path)) > 100 {
			t.Errorf("%s: state in %s, which is too long or belongs to %q", file, path, other)
		}
		paths[path] = file
	}
}

func TestSizeReadsItsOwnText(t *testing.T) {
	for text, want := range map[string]config.Size{
		"1": 1, "160": 160, "160B": 160, "1KiB": 1 << 10, "1 MiB": 1 << 20, "2047MiB": 2047 << 20, "1025": 1025,
		"": 0, "0": 0, "-1": 0, "1MB": 0, "2048MiB": 0, "KiB": 0, "9223372036854775808": 0,
	} {
		var size config.Size
		if err := size.UnmarshalText([]byte(text)); (err == nil) != (want != 0) || size != want {
			t.Errorf("%q: got %d, %v, want %d", text, size, err, want)
		}
		var again config.Size
		if err := again.UnmarshalText([]byte(size.String())); want != 0 && (err != nil || again != size) {
			t.Errorf("%s reads as %d, %v, want %d", size, again, err, size)
		}
	}
}
