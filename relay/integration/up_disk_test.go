//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestFullDisksAreNoDamage fills the disk of each directory in which up writes, one after the other.
func TestFullDisksAreNoDamage(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	s.sh("mkdir -p /var/backups/wpre-relay /etc/wpre-relay /etc/systemd/system/wpre-relay.service.d")
	for _, dir := range []string{"/var/backups/wpre-relay", "/etc/wpre-relay", "/etc/systemd/system/wpre-relay.service.d",
		"/var/www/html/wp-content", "/etc/nginx/snippets", "/etc/nginx/sites-available", "/var/www/html"} {
		s.sh(fmt.Sprintf(`cp -a %[1]s /mnt/copy && mount -t tmpfs -o size=256k tmpfs %[1]s && cp -a /mnt/copy/. %[1]s
			dd if=/dev/zero of=%[1]s/fill bs=4k 2>/dev/null || rm -r /mnt/copy`, dir))
		before := s.tree()
		text, status := s.relay("up", "--yes")
		if status != 1 || !strings.Contains(text, "no space left") && !strings.Contains(text, "were undone") {
			t.Errorf("%s: exit status %d:\n%s", dir, status, text)
		}
		s.expectTree(before)
		s.sh("umount " + dir)
	}
	if text, status := s.relay("up", "--yes"); status != 0 {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}

// fillDisk fills the disk that has all files of the sandbox's system.
func (s *sandbox) fillDisk() {
	s.t.Helper()
	s.sh(`sync; used=$(df --output=used -k /mnt | tail -n 1)
		mount -o remount,size=$((used + 64))k /mnt
		dd if=/dev/zero of=/mnt/fill bs=4k 2>/dev/null || ! echo x >/mnt/more 2>/dev/null`)
}

// freeDisk ends fillDisk.
func (s *sandbox) freeDisk() {
	s.t.Helper()
	s.sh("rm -f /mnt/fill /mnt/more && mount -o remount,size=1g /mnt")
}

// TestUndoOnAFullDisk undoes an up that was killed, and one that has succeeded, while the disk has no space at all.
func TestUndoOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	for name, up := range map[string]func(){
		"killed":    func() { s.during("OK    address", s.killUp, "wpre-relay", "up", "--yes") },
		"succeeded": func() { s.relay("up", "--yes") },
	} {
		up()
		s.fillDisk()
		if text, status := s.relay("down", "--yes"); status != 0 || !strings.Contains(text, "undo address") {
			t.Errorf("%s: down: exit status %d:\n%s", name, status, text)
		}
		s.freeDisk()
		s.expectTree(before)
	}
}

// TestUndoNamesFilesThatItCannotRestore fills the disk after up has replaced a larger companion. Down restores all
// other files, and names the companion and its copy. When there is space again, it restores that too.
func TestUndoNamesFilesThatItCannotRestore(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	const companion = "/var/www/html/wp-content/mu-plugins/wpre-relay-companion.php"
	s.sh("mkdir /var/www/html/wp-content/mu-plugins && wpre-relay companion >" + companion +
		" && printf '// An older version. %.0s' {1..9999} >>" + companion + " && chown -R www-data: /var/www/html")
	before := s.tree()
	if text, status := s.relay("up", "--yes"); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, text)
	}
	s.fillDisk()
	text, status := s.relay("down", "--yes")
	for _, want := range []string{"restore " + companion, "out of free disk space", "before in /var/backups/wpre-relay"} {
		if status != 1 || !strings.Contains(text, want) {
			t.Errorf("down: exit status %d, no %q:\n%s", status, want, text)
		}
	}
	s.freeDisk()
	for path, state := range s.tree() {
		if path != companion && path != "/etc/systemd/system" && state != before[path] {
			t.Errorf("%s was %.200q, is %.200q", path, before[path], state)
		}
	}
	if text, status := s.relay("down", "--yes"); status != 0 {
		t.Errorf("down: exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
}

// TestCopiesAreBounded has copies of many earlier runs. The copies that the record needs stay.
func TestCopiesAreBounded(t *testing.T) {
	t.Parallel()
	s := newNginxSandbox(t)
	before := s.tree()
	if text, status := s.relay("up", "--yes"); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, text)
	}
	needed := s.sh("ls -d /var/backups/wpre-relay/2*")
	s.sh("mkdir -p /var/backups/wpre-relay/{mine,999{0..9}01{10..16}T000000.000000000Z}")
	s.relay("up")
	if left := s.sh("ls -d /var/backups/wpre-relay/*Z | wc -l"); left != fmt.Sprintln(50+strings.Count(needed, "\n")) {
		t.Errorf("%s directories are left", left)
	}
	s.sh("ls -d /var/backups/wpre-relay/{mine,99990116T000000.000000000Z} " + strings.Join(strings.Fields(needed), " "))
	if text, status := s.relay("down", "--yes"); status != 0 {
		t.Errorf("down: exit status %d:\n%s", status, text)
	}
	s.expectTree(before)
}
