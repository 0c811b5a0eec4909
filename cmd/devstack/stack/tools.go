package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// liveKitVersion is the newest livekit-server. The faults that remain with older ones are in the README.
const liveKitVersion = "v1.13.5"

// ToolPaths are the servers that are built from Go modules.
type ToolPaths struct {
	// LiveKit is the livekit-server program.
	LiveKit string
	// Egress holds LiveKit Egress and its GStreamer plugin.
	Egress EgressPaths
}

// EgressPaths are the parts of the recorder.
type EgressPaths struct {
	// Program is the executable; its base name is "egress", for the service starts its handlers by that name.
	Program string
	// Plugins is the folder with the GStreamer plugin that registers the element faac.
	Plugins string
}

// Tools builds livekit-server and LiveKit Egress unless the cache folder holds them. What the compiler says goes to
// log. Processes that ask at once wait for one build.
func Tools(ctx context.Context, log io.Writer) (*ToolPaths, error) {
	lk, err := LiveKitTool(ctx, log)
	if err != nil {
		return nil, err
	}
	eg, err := EgressTool(ctx, log)
	if err != nil {
		return nil, err
	}
	return &ToolPaths{LiveKit: lk, Egress: eg}, nil
}

// LiveKitTool builds livekit-server unless the cache folder holds it, and returns its path.
func LiveKitTool(ctx context.Context, log io.Writer) (string, error) {
	dir, err := cached(ctx, "livekit-server-"+liveKitVersion+"-"+runtime.GOARCH, func(dir string) error {
		fmt.Fprintf(log, "building livekit-server %s, about two minutes the first time\n", liveKitVersion)
		// "go install" names the program after its folder: cmd/server.
		pkg := "github.com/livekit/livekit-server/cmd/server@" + liveKitVersion
		return runBuild(ctx, log, dir, []string{"GOBIN=" + dir, "GOFLAGS=", "GOWORK=off"}, "go", "install", pkg)
	})
	if err != nil {
		return "", fmt.Errorf("livekit-server cannot be built: %w", err)
	}
	return filepath.Join(dir, "server"), nil
}

// EgressTool builds LiveKit Egress from the nested module cmd/devstack/egress and the GStreamer plugin beside it,
// unless the cache folder holds them built from the same files.
func EgressTool(ctx context.Context, log io.Writer) (EgressPaths, error) {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return EgressPaths{}, err
	}
	src := filepath.Join(root, "cmd", "devstack", "egress")
	sum, err := hashFolder(src)
	if err != nil {
		return EgressPaths{}, fmt.Errorf("the sources of egress cannot be read: %w", err)
	}
	dir, err := cached(ctx, "egress-"+sum+"-"+runtime.GOARCH, func(dir string) error {
		fmt.Fprintln(log, "building LiveKit Egress and its faac plugin, about three minutes the first time")
		if err := buildPlugin(ctx, log, src, dir); err != nil {
			return err
		}
		return runBuild(ctx, log, src, []string{"GOFLAGS=", "GOWORK=off", "CGO_ENABLED=1"},
			"go", "build", "-buildvcs=false", "-trimpath", "-o", filepath.Join(dir, "egress"), ".")
	})
	if err != nil {
		return EgressPaths{}, fmt.Errorf("LiveKit Egress cannot be built (make setup installs what it needs): %w", err)
	}
	return EgressPaths{Program: filepath.Join(dir, "egress"), Plugins: filepath.Join(dir, "gst")}, nil
}

// buildPlugin compiles faac.c to DIR/gst/libgstfaac.so.
func buildPlugin(ctx context.Context, log io.Writer, src, dir string) error {
	var flags bytes.Buffer
	pkg := exec.CommandContext(ctx, "pkg-config", "--cflags", "--libs", "gstreamer-1.0")
	pkg.Stdout, pkg.Stderr = &flags, log
	if err := pkg.Run(); err != nil {
		return fmt.Errorf("the headers of GStreamer are missing, install libgstreamer1.0-dev: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "gst"), 0o755); err != nil {
		return err
	}
	args := []string{"-shared", "-fPIC", "-O2", "-Wall", "-o", filepath.Join(dir, "gst", "libgstfaac.so"),
		filepath.Join(src, "faac", "faac.c")}
	return runBuild(ctx, log, dir, nil, "gcc", append(args, strings.Fields(flags.String())...)...)
}

// ModuleRoot is the folder of this checkout's go.mod.
func ModuleRoot(ctx context.Context) (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok {
		root := filepath.Join(filepath.Dir(file), "..", "..", "..")
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Clean(root), nil
		}
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if mod := strings.TrimSpace(string(out)); err == nil && mod != "" && mod != os.DevNull {
		return filepath.Dir(mod), nil
	}
	return "", errors.New("the checkout of Hindsight is not found; run this program inside it")
}

// runBuild runs one build step and repeats the end of what it printed in the error.
func runBuild(ctx context.Context, log io.Writer, dir string, env []string, name string, args ...string) error {
	var tail bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out := io.MultiWriter(log, &tail)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		b := tail.Bytes()
		if len(b) > 2000 {
			b = b[len(b)-2000:]
		}
		return fmt.Errorf("%s %s: %w:\n%s", name, args[0], err, bytes.TrimSpace(b))
	}
	return nil
}

// cached returns the folder of this name in the cache. If it is missing, build fills a fresh folder that is renamed
// when complete, so that a broken build never leaves a half-filled one. A file lock lets one process build at a time.
func cached(ctx context.Context, name string, build func(dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	tools := filepath.Join(cache, "hindsight", "tools")
	final := filepath.Join(tools, name)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, final+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	tmp, err := os.MkdirTemp(tools, "."+name+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := build(tmp); err != nil {
		return "", err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	return final, os.Rename(tmp, final)
}

// lockFile takes an exclusive lock (flock(2)) on path, which the kernel gives back when the process ends.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		locked, err := TryLock(f)
		if locked {
			return func() { f.Close() }, nil
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// hashFolder is a short hash over the names and contents of the files below dir.
func hashFolder(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(rel), len(b))
		h.Write(b)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}
