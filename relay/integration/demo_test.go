//go:build linux

package integration_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/sharedlog/enginetest"
)

func TestDemoPrintsEvents(t *testing.T) {
	t.Parallel()
	text, status := run(t, command(t, "demo", "--listen", enginetest.FreePort(t), "--page-listen", "127.0.0.1:0",
		"--admin-listen", "off", "--every", "1ms", "--count", "20"))
	events := regexp.MustCompile(`(?m)^after +[0-9.]+ ms  \{"timestamp":`).FindAllString(text, -1)
	if status != 0 || len(events) != 20 {
		t.Errorf("exit status %d, %d events:\n%s", status, len(events), text)
	}
}

// TestDemoPrintsItsAddressWhenItListens runs demos of which one address cannot be used.
func TestDemoPrintsItsAddressWhenItListens(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	for _, flag := range []string{"--listen", "--page-listen", "--admin-listen"} {
		for _, address := range []string{r.address, "192.0.2.1:8080"} {
			args := []string{"demo"}
			for _, other := range []string{"--listen", "--page-listen", "--admin-listen"} {
				if other != flag {
					args = append(args, other, enginetest.FreePort(t))
				}
			}
			text, status := run(t, command(t, append(args, flag, address)...))
			if status != 1 || strings.Contains(text, "http://") || !strings.Contains(text, flag) {
				t.Errorf("%s %s: exit status %d, want 1, the flag and no address:\n%s", flag, address, status, text)
			}
		}
	}
}

// get returns the body of a page.
func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestDemoIsQuietAndLeavesNothing saves a post with the page of a demo, and ends the demo as Ctrl-C does.
func TestDemoIsQuietAndLeavesNothing(t *testing.T) {
	t.Parallel()
	temporary := t.TempDir()
	cmd := command(t, "demo", "--listen", enginetest.FreePort(t), "--page-listen", "127.0.0.1:0", "--admin-listen",
		enginetest.FreePort(t))
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	stdout, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	cmd.Stdout = output
	demo := spawn(t, cmd)
	output.Close()
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "wpre-relay demo: ")
	if err != nil || !ok {
		t.Fatalf("%v, the demo printed %q:\n%s", err, first, demo.log.String())
	}
	link := regexp.MustCompile(`href="//([^"]+/)"`).FindStringSubmatch(get(t, url))
	if link == nil || !strings.Contains(get(t, "http://"+link[1]), "<html") {
		t.Errorf("the page has no link to a status page: %q", link)
	}
	form := strings.NewReader(`{"title":"A post","status":"publish","count":1}`)
	if response, err := http.Post(url+"posts", "application/json", form); err != nil || response.StatusCode != 200 {
		t.Errorf("save a post: %v, %v", response, err)
	}
	status := demo.stop(syscall.SIGINT)
	rest, err := io.ReadAll(lines)
	if status != 0 || err != nil || string(rest) != "Press Ctrl-C to stop.\n" || demo.log.String() != "" {
		t.Errorf("exit status %d, %v, the demo printed %q and logged:\n%s", status, err, rest, demo.log.String())
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("the demo left %v, %v", left, err)
	}
}
