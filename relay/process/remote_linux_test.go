package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLeadsToFollowsLinksToTheMountPoint(t *testing.T) {
	dir := t.TempDir()
	if resolved, err := filepath.EvalSymlinks(dir); err != nil || resolved != dir {
		t.Skipf("the temporary directory is behind a link: %s, %v", resolved, err)
	}
	for link, target := range map[string]string{
		"absolute": filepath.Join(dir, "mnt", "site"),
		"relative": "mnt/site",
		"chain":    "absolute/wp-content",
		"parent":   "local/../mnt",
		"loop":     "loop",
		"local":    "elsewhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "elsewhere"), 0o755); err != nil {
		t.Fatal(err)
	}
	mounts := []string{filepath.Join(dir, "mnt")} // nothing is there, so nothing there may be looked at
	for path, want := range map[string]bool{
		"mnt":                        true,
		"mnt/site/latest.json":       true,
		"absolute/latest.json":       true,
		"relative":                   true,
		"chain/x":                    true,
		"parent/x":                   true,
		"elsewhere/../mnt":           true,
		"":                           true, // the mount point is below it
		"mnt2":                       false,
		"local/x":                    false,
		"loop/x":                     false,
		"missing/mnt":                false,
		"elsewhere/latest.json":      false,
		"elsewhere/../elsewhere/mnt": false,
	} {
		if got := leadsTo(dir+"/"+path, mounts); got != want {
			t.Errorf("%s: got %t, want %t", path, got, want)
		}
	}
	if leadsTo("/", mounts) {
		t.Error("the root must not count: it leads to every mount point")
	}
}

func TestConfigFileIsFoundInEachForm(t *testing.T) {
	t.Setenv("WPRE_RELAY_CONFIG", "/e")
	for want, args := range map[string][]string{
		"/a": {"--config", "/a"},
		"/b": {"serve", "--config=/b"},
		"/e": {"serve", "--config"},
	} {
		if got := configFile(args); got != want {
			t.Errorf("%v: got %q, want %q", args, got, want)
		}
	}
}
