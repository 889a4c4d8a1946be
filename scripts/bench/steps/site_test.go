//go:build linux

package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/wsclient"
)

// siteVariable makes the test binary run a site, which the variable describes, instead of the tests.
const siteVariable = "STEPS_SITE"

// site is the process that writes the event file and reads from the client's socket.
type site struct {
	File    string
	Port    int  // of the server on 127.0.0.1
	Upgrade bool // the server expects a WebSocket handshake
	Events  int
	Pause   time.Duration // between the arrival of an event and the next save
}

// visit has the times of one event in the site's process, see way.
type visit struct{ Begun, Truncated, Received int64 }

func TestMain(m *testing.M) {
	text := os.Getenv(siteVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var s site
	err := json.Unmarshal([]byte(text), &s)
	var visits []visit
	if err == nil {
		visits, err = s.run()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(visits)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

// start runs the site in another process, and returns the times of the events.
func (s site) start(t testing.TB) (visits []visit) {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), siteVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &visits)
	}
	if err != nil {
		t.Fatal(err)
	}
	return visits
}

// run connects the client and saves the events, each after the client has the one before.
func (s site) run() (visits []visit, err error) {
	client, err := s.connect()
	if err != nil {
		return nil, err
	}
	visits = make([]visit, s.Events)
	arrived := make(chan error, 1)
	go receive(client, visits, arrived)
	runtime.LockOSThread()
	pause := unix.NsecToTimespec(s.Pause.Nanoseconds())
	for i := range visits {
		if s.Pause > 0 {
			unix.Nanosleep(&pause, nil)
		}
		if err := s.save(i, &visits[i]); err != nil {
			return nil, err
		}
		if err := <-arrived; err != nil {
			return nil, err
		}
	}
	return visits, nil
}

// save saves event i as PHP does.
func (s site) save(i int, v *visit) error {
	document := fmt.Appendf(nil, `{
    "timestamp": %d,
    "type": "post_saved",
    "post_id": 9507,
    "post_title": "Plain title",
    "status": "publish",
    "is_update": false
}`, 1_795_427_060+i)
	v.Begun = time.Now().UnixNano()
	fd, err := unix.Open(s.File, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o666)
	v.Truncated = time.Now().UnixNano()
	if err != nil {
		return fmt.Errorf("open event file: %w", err)
	}
	_, err = unix.Write(fd, document)
	return errors.Join(err, unix.Close(fd), unix.Chmod(s.File, 0o644))
}

// receive reads an event for each visit from the client's socket, and sends nil for each.
func receive(client int, visits []visit, arrived chan<- error) {
	runtime.LockOSThread() // the thread ends with this goroutine
	buf := make([]byte, 4096)
	for i := 0; i < len(visits); {
		n, err := unix.Read(client, buf)
		now := time.Now().UnixNano()
		switch {
		case err == unix.EINTR:
		case err == nil && n == 0:
			arrived <- errors.New("server closed the connection")
			return
		case err != nil:
			arrived <- fmt.Errorf("client read: %w", err)
			return
		case buf[0] == 0x81: // a text frame, which comes with one write(2)
			visits[i].Received = now
			i++
			arrived <- nil
		} // a ping needs no answer within 25 s
	}
}

// connect returns a blocking socket that is connected to the server.
func (s site) connect() (client int, err error) {
	client, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(client, &unix.SockaddrInet4{Port: s.Port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil || !s.Upgrade {
		return client, err
	}
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.Port}
	_, err = unix.Write(client, wsclient.HandshakeRequest(&url.URL{Scheme: "ws", Host: address.String(), Path: "/"}))
	if err != nil {
		return client, err
	}
	response := make([]byte, 4096)
	n, err := unix.Read(client, response)
	if err == nil {
		_, err = wsclient.ParseHandshake(response[:max(0, n)], true)
	}
	return client, err
}
