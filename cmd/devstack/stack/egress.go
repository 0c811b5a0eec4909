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
	// Browser makes Room Composite possible: it needs Chromium, Xvfb and a sound server, which is started.
	Browser bool
	// Log gets what the compiler says when the recorder has to be built first; nil discards it.
	Log io.Writer
}

// Egress is a running LiveKit Egress service. Its recordings finish when it is closed.
type Egress struct {
	*Proc
	sound *Sound
	page  *Page
	tmp   string
}

// Close ends the service and what its browsers use. It may be called twice.
func (e *Egress) Close() (err error) {
	if e.Proc != nil {
		err = e.Proc.Close()
	}
	if e.page != nil {
		err = errors.Join(err, e.page.Close())
	}
	if e.sound != nil {
		err = errors.Join(err, e.sound.Close())
	}
	return errors.Join(err, os.RemoveAll(e.tmp))
}

// startBrowserParts starts what the recorder's browsers need and returns the environment that leads there.
func (e *Egress) startBrowserParts(ctx context.Context, dir string, log io.Writer) (env []string, err error) {
	for _, program := range []string{"chromium", "Xvfb", "pactl"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s, which Room Composite needs, is not installed; run make setup", program)
		}
	}
	if e.page, err = startRoomPage(ctx, log); err != nil {
		return nil, err
	}
	e.sound, err = StartSound(ctx, dir)
	if err != nil {
		return nil, err
	}
	return e.sound.Env, nil
}

// StartEgress starts LiveKit Egress with its configuration and log in dir.
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
	e := &Egress{}
	if e.tmp, err = os.MkdirTemp("", "hs-eg-"); err != nil { // the browser's sockets need a short path
		return nil, err
	}
	if err := e.start(ctx, dir, tool, o); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Egress) start(ctx context.Context, dir string, tool EgressPaths, o EgressOptions) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var browser []string
	template := ""
	if o.Browser {
		if browser, err = e.startBrowserParts(ctx, dir, o.Log); err != nil {
			return err
		}
		template = e.page.URL
	}
	conf := filepath.Join(dir, "egress.yaml")
	if err := os.WriteFile(conf, []byte(egressConfig(o, template)), 0o600); err != nil {
		return err
	}
	env := []string{"GST_PLUGIN_PATH=" + tool.Plugins, "GST_REGISTRY=" + filepath.Join(tool.Plugins, "registry.bin")}
	if err := warmRegistry(ctx, env); err != nil {
		return err
	}
	log := &logWatch{path: filepath.Join(dir, "egress.log"), want: "service ready"}
	log.skip()
	e.Proc, err = Start(ctx, Spec{
		Name: "egress", Path: tool.Program, Dir: dir, Timeout: time.Minute, Ready: log.seen,
		Env: append(append(env, browser...), "EGRESS_CONFIG_FILE="+conf, "TMPDIR="+e.tmp,
			// The service starts its handlers by the name "egress".
			"PATH="+filepath.Dir(tool.Program)+string(os.PathListSeparator)+os.Getenv("PATH")),
	})
	return err
}

// warmRegistry has GStreamer look through its plugins once and checks that the recorder's are there. Each recording is
// a separate process that looks again; with the list at hand it reads its first packets sooner.
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
func egressConfig(o EgressOptions, template string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "api_key: %s\napi_secret: %s\nws_url: %s\n", o.LiveKit.APIKey, o.LiveKit.APISecret, o.LiveKit.URL)
	fmt.Fprintf(&b, "insecure: true\nredis:\n  address: %s\nlogging:\n  level: info\ncpu_cost:\n", o.RedisAddr)
	for _, kind := range []string{"room_composite", "web", "participant", "track_composite", "track"} {
		fmt.Fprintf(&b, "  %s_cpu_cost: 0.001\n", kind)
	}
	if template != "" {
		fmt.Fprintf(&b, "template_base: %s\n", template)
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

// seen returns nil once the word is there.
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
