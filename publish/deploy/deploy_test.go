// Package deploy holds the files with which the backend is run, and the tests that they work. It has no code.
package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/hindsight-app/hindsight/publish/backend/command"
	"github.com/hindsight-app/hindsight/publish/deploy/deploytest"
)

// at follows keys and indices into a document.
func at(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, ok := doc.(map[string]any)
			require.True(t, ok, "%v of %v", p, doc)
			require.Contains(t, m, key)
			doc = m[key]
		case int:
			list, ok := doc.([]any)
			require.True(t, ok, "%v of %v", p, doc)
			require.Greater(t, len(list), key)
			doc = list[key]
		}
	}
	return doc
}

// settings has the backend read a configuration file.
func settings(t *testing.T, file string) string {
	t.Helper()
	var out, complaint bytes.Buffer
	code := command.Main(t.Context(), []string{"--config", file, "serve", "--print-config"}, &out, &complaint)
	require.Zero(t, code, "%s: %s", file, &complaint)
	return out.String()
}

func TestBackendTakesItsSettings(t *testing.T) {
	require.Contains(t, settings(t, "backend.toml"), "base-url = 'https://replay.example.com'")
	manifest := deploytest.Documents(t, "kubernetes/backend.yaml")
	file := filepath.Join(t.TempDir(), "backend.toml")
	text := at(t, manifest[0], "data", "backend.toml").(string)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	require.Contains(t, settings(t, file), "storage = 's3://hindsight?region=eu-central-1'")
}

// systemd finds nothing to complain about in the unit.
func TestUnit(t *testing.T) {
	b, err := os.ReadFile("hindsight-backend.service")
	require.NoError(t, err)
	program, err := exec.LookPath("true") // in place of what is not installed here
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "hindsight-backend.service")
	text := strings.ReplaceAll(string(b), "/usr/local/bin/hindsight-backend", program)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", file).CombinedOutput()
	require.NoError(t, err, "systemd-analyze is needed, run make setup: %s", out)
	require.NotContains(t, string(out), "hindsight-backend.service", "systemd complains")
}

func TestManifests(t *testing.T) {
	kinds := map[string]bool{}
	for _, file := range []string{"kubernetes/backend.yaml", "kubernetes/egress.yaml"} {
		for _, doc := range deploytest.Documents(t, file) {
			require.NotEmpty(t, at(t, doc, "apiVersion"))
			require.NotEmpty(t, at(t, doc, "metadata", "name"))
			kind := at(t, doc, "kind").(string)
			kinds[kind] = true
			if kind != "Deployment" {
				continue
			}
			require.Equal(t, at(t, doc, "spec", "selector", "matchLabels"), at(t, doc, "spec", "template", "metadata", "labels"))
		}
	}
	require.True(t, kinds["Deployment"] && kinds["Service"] && kinds["ConfigMap"])
	egress := deploytest.Documents(t, "kubernetes/egress.yaml")[1]
	require.Equal(t, map[string]any{"requests": map[string]any{"cpu": "2", "memory": "2Gi"},
		"limits": map[string]any{"cpu": "4", "memory": "4Gi"}},
		at(t, egress, "spec", "template", "spec", "containers", 0, "resources"))
	var inMap map[string]any
	text := at(t, deploytest.Documents(t, "kubernetes/egress.yaml")[0], "data", "egress.yaml").(string)
	require.NoError(t, yaml.Unmarshal([]byte(text), &inMap))
	require.Equal(t, at(t, deploytest.Documents(t, "egress.yaml")[0], "cpu_cost"), at(t, inMap, "cpu_cost"))
}
