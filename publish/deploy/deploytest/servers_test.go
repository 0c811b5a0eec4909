package deploytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// changed writes a configuration with other addresses.
func changed(t *testing.T, file string, change func(map[string]any)) string {
	t.Helper()
	doc := Documents(t, filepath.Join("..", file))[0]
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
