//go:build linux

package integration_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/testwait"
)

// sandbox separates tests that change a server from this machine: it has namespaces for mounts, processes and the
// network, so that changes of /etc, /var and /usr/local stay in it, and ports 80 and 443 are free. Its systemctl is
// runSystemctl.
type sandbox struct {
	t    *testing.T
	init int    // its first process
	root string // its root directory, as seen from outside
}

// sandboxSetup prepares the namespaces. The mounts end with them.
const sandboxSetup = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
for dir in var usr/local; do
	mkdir -p /mnt/$dir/upper /mnt/$dir/work
	mount -t overlay overlay -o lowerdir=/$dir,upperdir=/mnt/$dir/upper,workdir=/mnt/$dir/work /$dir
done
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/apache2
ip link set lo up
echo '127.0.0.1 localhost www.example.test other.example.test' >/etc/hosts
echo '::1 localhost www.example.test other.example.test' >>/etc/hosts
rm -rf /var/www/html /etc/nginx/sites-enabled/* /etc/apache2/sites-enabled/* /etc/wpre-relay /var/backups/wpre-relay
rm -rf /etc/systemd/system/wpre-relay* /run/ready
mkdir -p /var/www
touch /run/ready
sleep infinity &
while true; do wait; done` // as process 1 it reaps the others

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: not root")
	}
	for _, program := range []string{"nginx", "php", "ip", "nsenter", "systemd-analyze"} {
		lookPath(t, program)
	}
	cmd := exec.Command("bash", "-c", sandboxSetup)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
	}
	var log syncBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	s := &sandbox{t: t, init: cmd.Process.Pid, root: fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)}
	if !testwait.Until(func() bool { return s.exists("/run/ready") }) {
		t.Fatalf("no sandbox: %s", log.buf.String())
	}
	s.install("../../testdata/wordpress-stub", "/var/www/html")
	s.sh("cp " + binaryPath + " /usr/local/bin/wpre-relay && chown -R www-data: /var/www/html")
	s.write("/usr/local/bin/systemctl", "#!/bin/sh\n"+helperVariable+"=\"systemctl $*\" exec "+os.Args[0]+"\n", 0o755)
	return s
}

// command returns a command in the sandbox.
func (s *sandbox) command(args ...string) *exec.Cmd {
	call := []string{"-t", strconv.Itoa(s.init), "--mount", "--pid", "--net", "--"}
	cmd := exec.Command("nsenter", append(call, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"SSL_CERT_FILE=/etc/ssl/site/cert.pem", "GORACE=" + os.Getenv("GORACE")}
	return cmd
}

// sh runs a shell script, which must succeed.
func (s *sandbox) sh(script string) (out string) {
	s.t.Helper()
	text, status := s.run("bash", "-c", script)
	if status != 0 {
		s.t.Fatalf("%s: exit status %d: %s", script, status, text)
	}
	return text
}

// relay runs wpre-relay and returns its output and exit status.
func (s *sandbox) relay(args ...string) (text string, status int) {
	s.t.Helper()
	return s.run(append([]string{"wpre-relay"}, args...)...)
}

// run runs a command to its end, however long that takes, and returns its output and exit status.
func (s *sandbox) run(args ...string) (text string, status int) {
	s.t.Helper()
	cmd := s.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *sandbox) exists(path string) bool {
	_, err := os.Lstat(s.root + path)
	return err == nil
}

func (s *sandbox) write(path, text string, mode fs.FileMode) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.root+path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.root+path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

// install copies a directory into the sandbox.
func (s *sandbox) install(dir, path string) {
	s.t.Helper()
	if err := os.CopyFS(s.root+path, os.DirFS(dir)); err != nil {
		s.t.Fatal(err)
	}
}

// addCertificate creates the certificate of www.example.test, which commands in the sandbox trust.
func (s *sandbox) addCertificate() {
	s.t.Helper()
	dir := s.t.TempDir()
	writeCertificate(s.t, dir, 1, "www.example.test")
	s.install(dir, "/etc/ssl/site")
}

// tree returns all files that up may change, with their modes, owners and contents. It leaves out the events of
// WordPress, which a test event adds to.
func (s *sandbox) tree() map[string]string {
	s.t.Helper()
	files := make(map[string]string)
	for _, dir := range []string{"/etc", "/var/www", "/usr/local/bin"} {
		err := filepath.WalkDir(s.root+dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || strings.Contains(path, "/realtime-events") && !strings.HasSuffix(path, ".php") {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			stat := info.Sys().(*syscall.Stat_t)
			content, _ := os.Readlink(path)
			if info.Mode().IsRegular() {
				if content, err = readOrIdentify(path, info.Size(), stat); err != nil {
					return err
				}
			}
			files[strings.TrimPrefix(path, s.root)] = fmt.Sprintf("%v %d:%d %s", info.Mode(), stat.Uid, stat.Gid, content)
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return files
}

// readOrIdentify returns the content of a file, or of a large one (a program in /usr/local/bin) what changes with its
// content: reading all programs again and again takes most of the time of the tests of up.
func readOrIdentify(path string, size int64, stat *syscall.Stat_t) (string, error) {
	if size <= 1<<20 {
		text, err := os.ReadFile(path)
		return string(text), err
	}
	return fmt.Sprintf("inode %d, %d bytes, changed at %v", stat.Ino, size, stat.Ctim), nil
}

// expectTree reports each difference from an earlier tree.
func (s *sandbox) expectTree(want map[string]string) {
	s.t.Helper()
	got := s.tree()
	for path, state := range want {
		if now, ok := got[path]; !ok {
			s.t.Errorf("%s is missing", path)
		} else if now != state {
			s.t.Errorf("%s was %.2000q, is %.2000q", path, state, now)
		}
		delete(got, path)
	}
	for path := range got {
		s.t.Errorf("%s is new", path)
	}
}
