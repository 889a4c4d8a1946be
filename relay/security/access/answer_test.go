package access_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/security/access"
)

const (
	jsonType = "application/json; charset=UTF-8"
	pageType = "text/html; charset=UTF-8"
	bom      = "\ufeff"
	notice   = "<br />\n<b>Notice</b>: Undefined index in <b>functions.php</b> on line <b>3</b><br />\n"
)

// in2 is the time in two minutes as a NumericDate (RFC 7519 §2).
var in2 = fmt.Sprint(time.Now().Add(2 * time.Minute).Unix())

// answers are answers of the site with status 2xx.
var answers = []struct {
	contentType, body string
	want              string // reason, or subject: "<nil>" without claims
	logged            bool
}{
	{jsonType, `{"sub":"ann"}`, "ann", false},
	{pageType, `{"sub":"ann"}`, "ann", false},
	{pageType, bom + bom + ` {"sub":"ann"}` + "\n", "ann", false},
	{jsonType, `{"sub":"ann","exp":` + in2 + `}`, "ann", false},
	{jsonType, `{"sub":"ann","exp":"` + in2 + `"}`, "ann", false},
	{jsonType, `{"sub":"ann","exp":"` + in2 + `.5"}`, "ann", false},

	{jsonType, bom + `{"exp":1}`, "unknown", false},
	{jsonType, `{"exp":"1"}`, "unknown", false},
	{jsonType, `{"exp":0}`, "unknown", false},
	{jsonType, `{"exp":-1}`, "unknown", false},

	{pageType, `{"exp":1}` + "\n<!-- cached -->", "unavailable", true},
	{pageType, "<!-- cached -->" + `{"exp":1}`, "unavailable", true},
	{pageType, notice + `{"exp":1}`, "unavailable", true},
	{jsonType, notice + `{"exp":1}`, "unavailable", true},
	{pageType, "\nWarning: foo in a.php on line 3\n" + `{"exp":1}` + "\n<!-- cached -->", "unavailable", true},
	{pageType, `callback({"exp":1})`, "unavailable", true},
	{pageType, `{"exp":1`, "unavailable", true},
	{pageType, `[{"exp":1}]`, "unavailable", true},
	{pageType, "\xff\xfe{\x00}\x00", "unavailable", true},
	{jsonType, "exp=1", "unavailable", true},
	{jsonType, "<html>", "unavailable", true},

	{jsonType, `{"exp":"tomorrow"}`, "unavailable", true},
	{jsonType, `{"exp":""}`, "unavailable", true},
	{jsonType, `{"exp":false}`, "unavailable", true},
	{jsonType, `{"exp":null}`, "unavailable", true},
	{jsonType, `{"exp":[1]}`, "unavailable", true},
	{jsonType, `{"exp":1e19}`, "unavailable", true},
	{jsonType, `{"exp":9223372036854775807}`, "unavailable", true},
	{jsonType, `{"exp":"1e400"}`, "unavailable", true},
	{jsonType, `{"exp":"NaN"}`, "unavailable", true},

	{jsonType, "", "<nil>", false},
	{jsonType, "{}", "<nil>", false},
	{jsonType, "[]", "<nil>", false},
	{jsonType, "null", "<nil>", false},
	{pageType, "ok", "<nil>", false},
	{pageType, bom + "\n<!DOCTYPE html><script>{}</script>", "<nil>", false},
	{"", "<HTML><style>a{}</style>", "<nil>", false},
}

// TestAnswersThatCannotBeReadAreRejected answers with 2xx. A client may be admitted without claims only by an answer
// that is not meant to have any.
func TestAnswersThatCannotBeReadAreRejected(t *testing.T) {
	for _, tc := range answers {
		site, log := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.contentType)
			fmt.Fprint(w, tc.body)
		})
		for _, anonymous := range []bool{false, true} {
			want := tc.want
			if anonymous && want == "unknown" {
				want = "public"
			}
			auth := access.New(access.Options{Site: site, Anonymous: anonymous})
			if got := result(auth, request("/", "Cookie: a=b")); got != want {
				t.Errorf("%s %q: %s, want %s", tc.contentType, tc.body, got, want)
			}
		}
		if logged := strings.Contains(log.String(), "auth request failed"); logged != tc.logged {
			t.Errorf("%s %q: logged %v, want %v: %s", tc.contentType, tc.body, logged, tc.logged, log)
		}
	}
}

func TestAnswerWithUnknownEncodingIsRejected(t *testing.T) {
	site, _ := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		fmt.Fprint(w, "\x0b\x05\x80")
	})
	if got := result(access.New(access.Options{Site: site}), request("/", "Cookie: a=b")); got != "unavailable" {
		t.Errorf("got %s", got)
	}
}
