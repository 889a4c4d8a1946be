//go:build linux

package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ddevAddOn is the file install.yaml.
type ddevAddOn struct {
	Files   []string `yaml:"project_files"`
	Actions []string `yaml:"post_install_actions"`
	Removal []string `yaml:"removal_actions"`
}

// copyTo copies the files of the add-on to a project, as DDEV does.
func (a ddevAddOn) copyTo(t *testing.T, root string) {
	t.Helper()
	for _, file := range a.Files {
		text := readDocument(t, ddevFolder+file)
		if !strings.HasPrefix(text, "#ddev-generated\n") {
			t.Errorf("DDEV does not remove %s", file)
		}
		writeFile(t, filepath.Join(root, ".ddev", file), text)
	}
}

// act runs the actions in a project, as DDEV does, with a stand-in for docker: the relay's program without a container.
func act(t *testing.T, root string, actions []string) {
	t.Helper()
	bin := t.TempDir()
	docker := "#!/bin/sh\nfor arg; do case $arg in /*) dir=$DDEV_APPROOT${arg#/var/www/html} ;; esac; done\n" +
		"exec " + binaryPath + " companion --install \"$dir\"\n"
	writeFile(t, filepath.Join(bin, "docker"), docker)
	if err := os.Chmod(filepath.Join(bin, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, action := range actions {
		cmd := command(t)
		cmd.Path, cmd.Args = lookPath(t, "bash"), []string{"bash", "-euc", action}
		cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"))
		for name, value := range ddevVariables(root) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s\n%v\n%s", action, err, text)
		}
	}
}

// TestDDEVAddOn installs the add-on in a project and removes it. nginx with its lines passes /ws to the relay.
func TestDDEVAddOn(t *testing.T) {
	t.Parallel()
	var addOn ddevAddOn
	if err := yaml.Unmarshal([]byte(readDocument(t, ddevFolder+"install.yaml")), &addOn); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "shop")
	addOn.copyTo(t, root)
	writeFile(t, filepath.Join(root, "web", "wp-content", "realtime-events", "latest_event.json"), "")
	act(t, root, addOn.Actions)
	companion := filepath.Join(root, "web", "wp-content", "mu-plugins", "wpre-relay-companion.php")
	if _, err := os.Stat(companion); err != nil {
		t.Error(err)
	}
	expectDDEVPasses(t, filepath.Join(root, ".ddev", "nginx", "wpre-relay.conf"))
	act(t, root, addOn.Removal)
	if _, err := os.Stat(companion); !os.IsNotExist(err) {
		t.Errorf("the companion stays: %v", err)
	}
}

// expectDDEVPasses expects that nginx with the lines in this file passes /ws, and nothing else, to the container of the
// relay. The relay's address replaces the container's name.
func expectDDEVPasses(t *testing.T, path string) {
	t.Helper()
	lines, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	services := composeServices(t, ddevFolder+"docker-compose.wpre-relay.yaml", ddevVariables("/home/me/shop"))
	container := services["wpre-relay"].Name + ":8080"
	if !strings.Contains(string(lines), " "+container+";") {
		t.Errorf("nginx does not pass to %s:\n%s", container, lines)
	}
	r := newSite(t).start()
	paste := map[string]string{"nginx": strings.ReplaceAll(string(lines), container, r.address)}
	address := pasteServers["nginx"].startWith(t, t.TempDir(), newStaticSite(t), "nginx", paste)
	expectPaths(t, "http://"+address, "/ws")
	expectNoFault(t, address, "/ws")
}

// TestWPEnvExampleInstallsCompanion runs the script of the example for wp-env. It expects fields that wp-env knows, and
// mappings of local folders.
func TestWPEnvExampleInstallsCompanion(t *testing.T) {
	t.Parallel()
	var example struct {
		Plugins          []string          `json:"plugins"`
		Config           map[string]string `json:"config"`
		Mappings         map[string]string `json:"mappings"`
		LifecycleScripts struct {
			AfterStart string `json:"afterStart"`
		} `json:"lifecycleScripts"`
	}
	decoder := json.NewDecoder(strings.NewReader(readDocument(t, "scripts/deploy/wp-env/.wp-env.json")))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&example); err != nil {
		t.Fatal(err)
	}
	folder := example.Mappings["wp-content/mu-plugins"]
	if folder == "" || example.Mappings["wp-content/realtime-events"] != "./realtime-events" {
		t.Fatalf("mappings: %v", example.Mappings)
	}
	if url := example.Config["WPRE_WS_SERVER_URL"]; url != "ws://localhost:8080" {
		t.Errorf("pages connect to %s", url)
	}
	dir := t.TempDir()
	args := strings.Fields(strings.TrimPrefix(example.LifecycleScripts.AfterStart, "wpre-relay "))
	cmd := command(t, args...)
	cmd.Dir = dir
	text, status := run(t, cmd)
	want := "Installed " + filepath.Join(dir, folder, "wpre-relay-companion.php") + "\n"
	if status != 0 || text != want {
		t.Errorf("exit status %d, %s, want %s", status, text, want)
	}
}
