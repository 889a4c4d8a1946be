//go:build linux

package integration_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ddevFolder is the add-on for DDEV.
const ddevFolder = "scripts/deploy/ddev/"

// composeService is a service in a file of Docker compose.
type composeService struct {
	Name        string `yaml:"container_name"`
	Image       string
	Command     []string
	Environment map[string]string
	Ports       []string
	Networks    []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Healthcheck struct{ Test []string }
}

// composeServices returns the services of the file. It expects that each variable has a default or is one of those
// given.
func composeServices(t *testing.T, path string, variables map[string]string) map[string]composeService {
	t.Helper()
	text := readDocument(t, path)
	expand := func(name string) string {
		name, fallback, found := strings.Cut(name, ":-")
		if value, given := variables[name]; given {
			return value
		}
		if !found {
			t.Errorf("%s: the variable %s has no value", path, name)
		}
		return fallback
	}
	var file struct {
		Services map[string]composeService
	}
	if err := yaml.Unmarshal([]byte(os.Expand(text, expand)), &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return file.Services
}

// ddevVariables are variables that DDEV documents, for a project with the name shop.
func ddevVariables(root string) map[string]string {
	return map[string]string{
		"DDEV_SITENAME": "shop", "DDEV_APPROOT": root, "DDEV_DOCROOT": "web", "DDEV_UID": "1000", "DDEV_GID": "1000",
	}
}

// TestComposeFilesConfineRelay checks the files for Docker compose and DDEV: they run the same image with the same
// health check, without capabilities, on a read-only root. Its settings are valid. No port is open to other machines,
// and no password is in a file except as the default of a variable.
func TestComposeFilesConfineRelay(t *testing.T) {
	t.Parallel()
	services := composeServices(t, "compose.yaml", nil)
	ddev := composeServices(t, ddevFolder+"docker-compose.wpre-relay.yaml", ddevVariables("/home/me/shop"))
	for name, service := range services {
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to other machines", name, port)
			}
		}
		if name != "relay" && name != "companion" && len(service.Networks) > 0 {
			t.Errorf("%s is in the network of the status page", name)
		}
	}
	services["DDEV"] = ddev["wpre-relay"]
	relay := services["relay"]
	for _, name := range []string{"relay", "companion", "DDEV"} {
		s := services[name]
		confined := s.ReadOnly && reflect.DeepEqual(s.CapDrop, []string{"ALL"}) && len(s.SecurityOpt) == 1
		if s.Image != relay.Image || !confined {
			t.Errorf("%s: image %s, confined: %v", name, s.Image, confined)
		}
	}
	inImage := regexp.MustCompile(`HEALTHCHECK .* CMD \["/wpre-relay", "healthcheck"\]`)
	if !reflect.DeepEqual(relay.Healthcheck, services["DDEV"].Healthcheck) || len(relay.Healthcheck.Test) != 3 ||
		!inImage.MatchString(readDocument(t, "Dockerfile")) {
		t.Errorf("the health checks differ: %v, %v", relay.Healthcheck, services["DDEV"].Healthcheck)
	}
	for _, name := range []string{"relay", "DDEV"} {
		cmd := command(t, "config")
		for key, value := range services[name].Environment {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	literal := regexp.MustCompile(`(?m)^ *\w*(PASSWORD|SECRET|KEY|TOKEN): *[^$\s"].*$`)
	if match := literal.FindString(readDocument(t, "compose.yaml")); match != "" {
		t.Errorf("compose.yaml: %s", match)
	}
}
