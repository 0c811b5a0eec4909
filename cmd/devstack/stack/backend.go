package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// BackendOptions says what a backend works with.
type BackendOptions struct {
	// LiveKit is the server whose rooms are recorded; it needs Redis and an Egress.
	LiveKit *LiveKit
	// Identity is the user that a token is made for; empty is "demo".
	Identity string
	// Scopes are the token's, with commas between; empty is publish.
	Scopes string
	// Port to listen at; 0 finds a free one. LiveKit's webhooks go to WebhookPath there.
	Port int
	// Args are more flags of "hindsight-backend serve".
	Args []string
	// Env are environment variables of the service alone, NAME=value.
	Env []string
	// Program is a built hindsight-backend; empty builds it.
	Program string
}

// WebhookPath is where a backend takes LiveKit's webhooks.
const WebhookPath = "/api/livekit-replay/webhook"

// Backend is a running hindsight-backend.
type Backend struct {
	*Proc
	// URL is http://127.0.0.1:port.
	URL string
	// OperatorURL is the same of /healthz, /readyz and /metrics.
	OperatorURL string
	// Token is the secret of a user token for Identity, for all rooms.
	Token string
	// Folder is the data folder: segments and clips lie below it.
	Folder string
	// Program is the executable that runs.
	Program string
}

// StartBackend builds hindsight-backend, makes a user token and starts the service on loopback, with its data and log
// in dir. Started again in the same dir, it continues with the data there.
func StartBackend(ctx context.Context, dir string, o BackendOptions) (*Backend, error) {
	if o.LiveKit == nil {
		return nil, errors.New("the backend needs a livekit-server")
	}
	if o.Identity == "" {
		o.Identity = "demo"
	}
	if o.Scopes == "" {
		o.Scopes = "publish"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if o.Program == "" {
		program, err := BuildProgram(ctx, dir, "hindsight-backend")
		if err != nil {
			return nil, err
		}
		o.Program = program
	}
	b := &Backend{Folder: filepath.Join(dir, "data"), Program: o.Program}
	var err error
	if b.Token, err = run(ctx, o.Env, o.Program, "--data", b.Folder, "token", "create", "--identity", o.Identity,
		"--scopes", o.Scopes); err != nil {
		return nil, err
	}
	for range startAttempts {
		if err = b.start(ctx, dir, o); err == nil || o.Port != 0 || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Backend) start(ctx context.Context, dir string, o BackendOptions) (err error) {
	port := o.Port
	if port == 0 {
		if port, err = FreePort(); err != nil {
			return err
		}
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	b.URL = "http://" + addr
	if port, err = FreePort(); err != nil {
		return err
	}
	operator := fmt.Sprintf("127.0.0.1:%d", port)
	b.OperatorURL = "http://" + operator
	// The recorder's AAC encoder is vo-aacenc under the name of faac.
	args := []string{"--data", b.Folder, "serve", "--listen", addr, "--operator-listen", operator, "--livekit-url",
		o.LiveKit.URL,
		"--aac-priming", "1600"}
	b.Proc, err = Start(ctx, Spec{
		Name: "hindsight-backend", Path: o.Program, Dir: dir, Args: append(args, o.Args...), Timeout: 30 * time.Second,
		Env:   append([]string{"LIVEKIT_API_KEY=" + o.LiveKit.APIKey, "LIVEKIT_API_SECRET=" + o.LiveKit.APISecret}, o.Env...),
		Ready: func(ctx context.Context) error { return Responds(ctx, b.OperatorURL+"/readyz") },
	})
	return err
}

// BuildProgram builds a program of cmd/ without cgo into dir and returns its path.
func BuildProgram(ctx context.Context, dir, name string) (string, error) {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	out := filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "./cmd/"+name)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not build: %w:\n%s", name, err, bytes.TrimSpace(msg))
	}
	return out, nil
}

// run runs a program with more environment and returns its standard output.
func run(ctx context.Context, env []string, program string, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr, cmd.Env = &stderr, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(program), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
