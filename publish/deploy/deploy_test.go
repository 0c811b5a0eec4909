// Package deploy holds the files with which the backend is run, and the tests that they work. It has no code.
package deploy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/backend/command"
)

// documents reads all YAML documents of a file; a key that is there twice is an error.
func documents(t *testing.T, file string) (out []map[string]any) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	d := yaml.NewDecoder(bytes.NewReader(b))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err, file)
		out = append(out, doc)
	}
}

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
	manifest := documents(t, "kubernetes/backend.yaml")
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
		for _, doc := range documents(t, file) {
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
	egress := documents(t, "kubernetes/egress.yaml")[1]
	require.Equal(t, map[string]any{"requests": map[string]any{"cpu": "2", "memory": "2Gi"},
		"limits": map[string]any{"cpu": "4", "memory": "4Gi"}},
		at(t, egress, "spec", "template", "spec", "containers", 0, "resources"))
	var inMap map[string]any
	text := at(t, documents(t, "kubernetes/egress.yaml")[0], "data", "egress.yaml").(string)
	require.NoError(t, yaml.Unmarshal([]byte(text), &inMap))
	require.Equal(t, at(t, documents(t, "egress.yaml")[0], "cpu_cost"), at(t, inMap, "cpu_cost"))
}

// changed writes a configuration with other addresses.
func changed(t *testing.T, file string, change func(map[string]any)) string {
	t.Helper()
	doc := documents(t, file)[0]
	change(doc)
	b, err := yaml.Marshal(doc)
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), file)
	require.NoError(t, os.WriteFile(out, b, 0o600))
	return out
}

func port(t *testing.T) int {
	t.Helper()
	p, err := stack.FreePort()
	require.NoError(t, err)
	return p
}

// The real livekit-server and the real Egress start with these files, but for the addresses, and find each other.
func TestRealServersTakeTheirSettings(t *testing.T) {
	ctx := t.Context()
	redis, err := stack.StartRedis(ctx, t.TempDir())
	require.NoError(t, err)
	defer redis.Close()
	atRedis := map[string]any{"address": redis.Addr}
	program, err := stack.LiveKitTool(ctx, io.Discard)
	require.NoError(t, err)
	httpPort := port(t)
	secret := strings.Repeat("s", 40)
	conf := changed(t, "livekit.yaml", func(m map[string]any) {
		m["port"], m["redis"] = httpPort, atRedis
		rtc := m["rtc"].(map[string]any)
		rtc["tcp_port"], rtc["udp_port"], rtc["node_ip"] = port(t), port(t), "127.0.0.1"
	})
	url := "http://127.0.0.1:" + strconv.Itoa(httpPort)
	livekit, err := stack.Start(ctx, stack.Spec{Name: "livekit", Path: program, Dir: t.TempDir(),
		Args:  []string{"--config", conf},
		Env:   []string{"LIVEKIT_KEYS=hindsight: " + secret},
		Ready: func(ctx context.Context) error { return stack.Responds(ctx, url) }})
	require.NoError(t, err)
	defer livekit.Close()

	tool, err := stack.EgressTool(ctx, io.Discard)
	require.NoError(t, err)
	conf = changed(t, "egress.yaml", func(m map[string]any) {
		m["ws_url"], m["redis"] = "ws://127.0.0.1:"+strconv.Itoa(httpPort), atRedis
		m["health_port"], m["prometheus_port"] = port(t), port(t)
		for kind := range m["cpu_cost"].(map[string]any) { // the machine of a test may be smaller than a worker
			m["cpu_cost"].(map[string]any)[kind] = 0.01
		}
	})
	dir := t.TempDir()
	egress, err := stack.Start(ctx, stack.Spec{Name: "egress", Path: tool.Program, Dir: dir, Timeout: 2 * time.Minute,
		Env: []string{"EGRESS_CONFIG_FILE=" + conf, "LIVEKIT_API_KEY=hindsight", "LIVEKIT_API_SECRET=" + secret,
			"TMPDIR=" + dir,
			"GST_PLUGIN_PATH=" + tool.Plugins, "PATH=" + filepath.Dir(tool.Program) + ":" + os.Getenv("PATH")},
		Ready: func(context.Context) error {
			log, err := os.ReadFile(filepath.Join(dir, "egress.log"))
			if err == nil && !bytes.Contains(log, []byte("service ready")) {
				err = errors.New("it is not ready")
			}
			return err
		}})
	require.NoError(t, err)
	defer egress.Close()
}
