package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LiveKitOptions says what a livekit-server works with.
type LiveKitOptions struct {
	// RedisAddr is host:port; empty starts a server that stands alone and cannot have egress.
	RedisAddr string
	// WebhookURL gets the signed webhooks; empty is none.
	WebhookURL string
	// Address is where clients reach the server; empty is loopback. It has to be that of an interface named link0: see
	// Link.
	Address string
	// SendSideEstimate has the server find out by itself what viewers' connections carry, from feedback that LiveKit's Go
	// client sends; browsers tell it their own estimates.
	SendSideEstimate bool
	// Log gets what the compiler says when the server has to be built first; nil discards it.
	Log io.Writer
}

// LiveKit is a running livekit-server.
type LiveKit struct {
	*Proc
	// URL is for clients, ws://127.0.0.1:port; HTTPURL is the same with http.
	URL, HTTPURL string
	// APIKey and APISecret sign tokens; the secret is new for every server.
	APIKey, APISecret string
}

// StartLiveKit starts livekit-server on free ports of the loopback interface, with its configuration and log in dir.
// Several may run at once.
func StartLiveKit(ctx context.Context, dir string, o LiveKitOptions) (*LiveKit, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	program, err := LiveKitTool(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var last error
	for range startAttempts {
		lk, err := startLiveKit(ctx, program, dir, o)
		if err == nil {
			return lk, nil
		}
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func startLiveKit(ctx context.Context, program, dir string, o LiveKitOptions) (*LiveKit, error) {
	httpPort, err1 := FreePort()
	tcpPort, err2 := FreePort()
	udpPort, err3 := FreePort()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if o.Address == "" {
		o.Address = loopback
	}
	lk := &LiveKit{
		URL:     fmt.Sprintf("ws://%s:%d", o.Address, httpPort),
		HTTPURL: fmt.Sprintf("http://%s:%d", o.Address, httpPort),
		APIKey:  "devstack", APISecret: rand.Text() + rand.Text(),
	}
	conf := filepath.Join(dir, "livekit.yaml")
	if err := os.WriteFile(conf, []byte(liveKitConfig(lk, o, httpPort, tcpPort, udpPort)), 0o600); err != nil {
		return nil, err
	}
	p, err := Start(ctx, Spec{
		Name: "livekit", Path: program, Dir: dir, Args: []string{"--config", conf}, Timeout: 30 * time.Second,
		Ready: func(ctx context.Context) error { return Responds(ctx, lk.HTTPURL) },
	})
	if err != nil {
		return nil, err
	}
	lk.Proc = p
	return lk, nil
}

const loopback = "127.0.0.1"

// liveKitConfig is the server's YAML. One UDP port carries all media; only candidates of one interface are offered. The
// node selector "any" keeps a busy machine from refusing rooms.
func liveKitConfig(lk *LiveKit, o LiveKitOptions, httpPort, tcpPort, udpPort int) string {
	var b strings.Builder
	device := "lo"
	if o.Address != loopback {
		device = "link0"
	}
	fmt.Fprintf(&b, "port: %d\nbind_addresses: [%s]\n", httpPort, o.Address)
	fmt.Fprintf(&b, "rtc:\n  tcp_port: %d\n  udp_port: %d\n  node_ip: %s\n", tcpPort, udpPort, o.Address)
	if o.SendSideEstimate {
		fmt.Fprint(&b, "  congestion_control:\n    enabled: true\n    use_send_side_bwe: true\n")
	}
	fmt.Fprintf(&b, "  use_external_ip: false\n  enable_loopback_candidate: %t\n", device == "lo")
	fmt.Fprintf(&b, "  interfaces:\n    includes: [%s]\n", device)
	fmt.Fprintf(&b, "keys:\n  %s: %s\n", lk.APIKey, lk.APISecret)
	b.WriteString("room:\n  enable_remote_unmute: true\n") // a moderator's test undoes what it did
	b.WriteString("node_selector:\n  kind: any\nlogging:\n  level: info\n  json: false\n")
	if o.RedisAddr != "" {
		fmt.Fprintf(&b, "redis:\n  address: %s\n", o.RedisAddr)
	}
	if o.WebhookURL != "" {
		fmt.Fprintf(&b, "webhook:\n  api_key: %s\n  urls: [%q]\n", lk.APIKey, o.WebhookURL)
	}
	return b.String()
}

// Responds asks for url and wants status 200.
func Responds(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responds %s", url, resp.Status)
	}
	return nil
}
