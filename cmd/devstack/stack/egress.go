package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// EgressOptions says what a recorder works with.
type EgressOptions struct {
	// RedisAddr is host:port of the Redis that livekit-server uses.
	RedisAddr string
	// LiveKit is the server whose rooms are recorded.
	LiveKit *LiveKit
	// Log gets what the compiler says when the recorder has to be built first; nil discards it.
	Log io.Writer
}

// Egress is a running LiveKit Egress service. Its recordings finish when it is closed.
type Egress struct{ *Proc }

// StartEgress starts LiveKit Egress with its configuration, log and temporary files in dir.
func StartEgress(ctx context.Context, dir string, o EgressOptions) (*Egress, error) {
	if o.RedisAddr == "" || o.LiveKit == nil {
		return nil, errors.New("the recorder needs the address of Redis and a livekit-server that uses it")
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	tool, err := EgressTool(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "egress.yaml")
	if err := os.WriteFile(conf, []byte(egressConfig(o)), 0o600); err != nil {
		return nil, err
	}
	env := []string{"GST_PLUGIN_PATH=" + tool.Plugins, "GST_REGISTRY=" + filepath.Join(tool.Plugins, "registry.bin")}
	if err := warmRegistry(ctx, env); err != nil {
		return nil, err
	}
	log := &logWatch{path: filepath.Join(dir, "egress.log"), want: "service ready"}
	log.skip()
	p, err := Start(ctx, Spec{
		Name: "egress", Path: tool.Program, Dir: dir, Timeout: time.Minute, Ready: log.seen,
		Env: append(env, "EGRESS_CONFIG_FILE="+conf, "TMPDIR="+tmp,
			// The service starts its handlers by the name "egress".
			"PATH="+filepath.Dir(tool.Program)+string(os.PathListSeparator)+os.Getenv("PATH")),
	})
	if err != nil {
		return nil, err
	}
	return &Egress{p}, nil
}

// warmRegistry has GStreamer look through its plugins once and checks that the recorder's are there. Each recording is a
// process of its own that looks again; with the list at hand it reads its first packets sooner.
func warmRegistry(ctx context.Context, env []string) error {
	for _, element := range []string{"faac", "x264enc", "mpegtsmux", "splitmuxsink", "opusdec", "avdec_h264"} {
		cmd := exec.CommandContext(ctx, "gst-inspect-1.0", element)
		cmd.Env = append(os.Environ(), env...)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("GStreamer's element %s, which the recorder needs, is missing (%w); run make setup", element, err)
		}
	}
	return nil
}

// egressConfig is the recorder's YAML. The CPU costs are next to nothing: the recorder refuses requests that cost
// more than the CPUs of the machine that are idle, and a test bench has two busy ones.
func egressConfig(o EgressOptions) string {
	var b strings.Builder
	fmt.Fprintf(&b, "api_key: %s\napi_secret: %s\nws_url: %s\n", o.LiveKit.APIKey, o.LiveKit.APISecret, o.LiveKit.URL)
	fmt.Fprintf(&b, "insecure: true\nredis:\n  address: %s\nlogging:\n  level: info\ncpu_cost:\n", o.RedisAddr)
	for _, kind := range []string{"room_composite", "web", "participant", "track_composite", "track"} {
		fmt.Fprintf(&b, "  %s_cpu_cost: 0.001\n", kind)
	}
	return b.String()
}

// logWatch waits for a word in a log file.
type logWatch struct {
	path, want string
	from       int64
}

// skip passes over what the file holds already.
func (w *logWatch) skip() {
	if st, err := os.Stat(w.path); err == nil {
		w.from = st.Size()
	}
}

// seen answers nil once the word is there.
func (w *logWatch) seen(context.Context) error {
	b, err := os.ReadFile(w.path)
	if err != nil {
		return err
	}
	if int64(len(b)) > w.from && strings.Contains(string(b[w.from:]), w.want) {
		return nil
	}
	return fmt.Errorf("%q is not in the log yet", w.want)
}
