//go:build linux

package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/fanout/fanouttest"
)

// certify writes a certificate for the names with this number, and its key.
func certify(t *testing.T, dir string, number int64, names ...string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number),
		Subject:      pkix.Name{CommonName: names[0]},
		DNSNames:     names,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	err = errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// serial returns the number of the certificate that the relay shows, and the protocol that is agreed on.
func (p *process) serial() (number int64, protocol string) {
	p.t.Helper()
	conn, err := tls.Dial("tcp", p.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	state := conn.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state.NegotiatedProtocol
}

func TestTLSWithACertificateThatIsRenewed(t *testing.T) {
	s := newSite(t)
	certificate, key := certify(t, s.root, 1, "localhost")
	p := s.start("--tls-cert", certificate, "--tls-key", key, "--drain", "1ms")
	p.address = strings.TrimPrefix(p.address, "wss:/")
	if number, protocol := p.serial(); number != 1 || protocol != "http/1.1" {
		t.Errorf("certificate %d, protocol %q", number, protocol)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	conn, _, err := websocket.Dial(t.Context(), "wss://"+p.address, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	stream, err := client.Get("https://" + p.address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if text, status := output(t, command(t, "healthcheck", "--listen", p.address)); status != 0 {
		t.Errorf("healthcheck: %d, %s", status, text)
	}
	for n := range 100 {
		s.write(n)
		expect(t, conn, document(n))
	}
	certify(t, s.root, 2, "localhost")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if number, _ := p.serial(); number == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not used")
		}
	}
	s.write(1000)
	expect(t, conn, document(1000)) // on the old connection
	if status := p.stop(syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("closed with %v, want 1012", err)
	}
	all, err := io.ReadAll(stream.Body)
	if n := strings.Count(string(all), "data: {"); err != nil || n != 101 {
		t.Errorf("%d events in the stream, %v; want 101", n, err)
	}
}

// mint has the program make a token.
func mint(t *testing.T, args ...string) string {
	t.Helper()
	text, status := output(t, command(t, append([]string{"token"}, args...)...))
	if status != 0 {
		t.Fatal(text)
	}
	return strings.TrimSpace(text)
}

// TestWhoMayListenAndSeesWhat has the public, one with a token and one that the site knows look at the same events: live,
// resumed, in the history and as a stream.
func TestWhoMayListenAndSeesWhat(t *testing.T) {
	s := newSite(t)
	secret := filepath.Join(s.root, "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("wordpress_logged_in"); err != nil || cookie.Value != "ann" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"roles":["author"]}`)
	}))
	defer site.Close()
	p := s.start("--jwt-key", secret, "--auth-url", site.URL, "--allow-anonymous",
		"--filter", `status == "publish" or "editor" in claims.roles or "author" in claims.roles and status != "private"`)
	token := mint(t, "--jwt-key", secret, "--subject", "bob", "--claim", `roles=["editor"]`)
	viewers := map[string]struct {
		query  string
		header http.Header
		sees   string // first letters of the states that it sees
	}{
		"public": {"", nil, "p"},
		"token":  {"access_token=" + token, nil, "pdv"},
		"header": {"", http.Header{"Authorization": {"Bearer " + token}}, "pdv"},
		"site":   {"", http.Header{"Cookie": {"wordpress_logged_in=ann"}}, "pd"},
	}
	states := map[string]string{"p": "publish", "d": "draft", "v": "private"}
	write := func(n int, state string) {
		t.Helper()
		content := fmt.Sprintf(`{"timestamp":%d,"type":"post_saved","status":"%s"}`, n, states[state])
		if err := os.WriteFile(s.file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	letters := func(text string) (seen string) {
		for part := range strings.SplitSeq(text, `"status":"`) {
			for letter, state := range states {
				if strings.HasPrefix(part, state) {
					seen += letter
				}
			}
		}
		return seen
	}
	live := make(map[string]*websocket.Conn)
	for name, viewer := range viewers {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+p.address+"/?"+viewer.query, &websocket.DialOptions{HTTPHeader: viewer.header})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer conn.CloseNow()
		live[name] = conn
	}
	const order = "dvpvdp"
	counted := func() uint64 {
		decisions := p.status().Decisions
		return decisions["relayed"] + decisions["filtered"]
	}
	for i, letter := range order {
		write(i+1, string(letter))
		for deadline := time.Now().Add(patience); counted() != uint64(i+1); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("event %d is not counted", i+1)
			}
		}
	}
	if decisions := p.status().Decisions; decisions["filtered"] != 4 || decisions["relayed"] != 2 {
		t.Errorf("decisions %v, want 4 filtered and 2 relayed", decisions)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, viewer := range viewers {
		want := strings.Map(func(r rune) rune {
			if strings.ContainsRune(viewer.sees, r) {
				return r
			}
			return -1
		}, order)
		collect := func(conn *websocket.Conn) (seen string) {
			for len(seen) < len(want) {
				_, text, err := conn.Read(ctx)
				if err != nil {
					t.Fatalf("%s: %v after %q, want %q", name, err, seen, want)
				}
				seen += letters(string(text))
			}
			return seen
		}
		if seen := collect(live[name]); seen != want {
			t.Errorf("%s sees %q live, want %q", name, seen, want)
		}
		conn, _, err := websocket.Dial(ctx, "ws://"+p.address+"/?last=100&"+viewer.query, &websocket.DialOptions{HTTPHeader: viewer.header})
		if err != nil {
			t.Fatal(err)
		}
		if seen := collect(conn); seen != want {
			t.Errorf("%s sees %q when it resumes, want %q", name, seen, want)
		}
		conn.CloseNow()
		for path, want := range map[string]string{"history?": want, "history?limit=1&": want[len(want)-1:], "history?types=other&": ""} {
			r, err := http.NewRequestWithContext(ctx, "GET", "http://"+p.address+"/"+path+viewer.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Header = viewer.header; r.Header == nil {
				r.Header = http.Header{}
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if seen := letters(string(body)); err != nil || seen != want {
				t.Errorf("%s sees %q in %s, want %q: %s", name, seen, path, want, body)
			}
		}
	}
	if log := p.log.String(); strings.Contains(log, token) || strings.Contains(log, "wordpress_logged_in") {
		t.Error("the log holds what is secret")
	}
}

func TestATokensEndIsThatOfTheConnection(t *testing.T) {
	s := newSite(t)
	secret := filepath.Join(s.root, "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.start("--jwt-key", secret)
	if _, response, err := websocket.Dial(t.Context(), "ws://"+p.address, nil); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %v", err)
	}
	// The relay allows for clocks that differ by 10 s: this one has a second left.
	short := mint(t, "--jwt-key", secret, "--expires", "1ms")
	conn, _, err := websocket.Dial(t.Context(), "ws://"+p.address, &websocket.DialOptions{Subprotocols: []string{"bearer", short}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if conn.Subprotocol() != "bearer" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("closed with %v, want 1008", err)
	}
}

// TestAProxySpeaksForAClient in the PROXY protocol: the limit of connections is that client's. Frames right behind the
// handshake are not lost.
func TestAProxySpeaksForAClient(t *testing.T) {
	p := newSite(t).start("--trusted-proxy", "127.0.0.1", "--proxy-protocol", "--max-clients-per-ip", "1", "--log-level", "debug")
	header := func(address string) string { return "PROXY TCP4 " + address + " 127.0.0.1 4711 8080\r\n" }
	for _, address := range []string{"198.51.100.1", "198.51.100.2"} {
		_, r := p.send(header(address) + handshake + fanouttest.Masked(pingOp, "well?"))
		if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", response, err)
		}
		expectFrames(t, r, "\x8a\x05well?")
	}
	_, r := p.send(header("198.51.100.1") + handshake)
	if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second connection of one client: %v, %v", response, err)
	}
	_, r = p.send(handshake)
	if response, err := http.ReadResponse(r, nil); err == nil && response.StatusCode < 400 {
		t.Errorf("without a header: %v", response.Status)
	}
}

func TestDraftsForEverybodyAreWarnedOf(t *testing.T) {
	const warning = "titles of drafts"
	for name, tc := range map[string]struct {
		args []string
		want bool
	}{
		"as it comes":     {nil, true},
		"published alone": {[]string{"--public-status", "publish"}, false},
		"a filter":        {[]string{"--filter", `status == "publish"`}, false},
	} {
		p := newSite(t).start(tc.args...)
		p.stop(syscall.SIGTERM)
		if got := strings.Contains(p.log.String(), warning); got != tc.want {
			t.Errorf("%s: warned %v, want %v", name, got, tc.want)
		}
	}
}
