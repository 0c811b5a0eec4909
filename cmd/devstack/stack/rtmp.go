package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// rtmpModule is where Debian's libnginx-mod-rtmp lies.
const rtmpModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// RTMP is a running RTMP server, nginx, that keeps what is sent to it.
type RTMP struct {
	*Proc
	// URL is rtmp://127.0.0.1:port/live; a stream's key follows.
	URL string
	// Folder gets what is sent, as KEY.flv.
	Folder string
}

// StartRTMP starts nginx with its RTMP module on a free port of the loopback interface, with its files in dir.
func StartRTMP(ctx context.Context, dir string) (*RTMP, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not on everybody's PATH
	}
	if _, err := os.Stat(program); err != nil {
		return nil, errors.New("nginx is not installed; run make setup")
	}
	if _, err := os.Stat(rtmpModule); err != nil {
		return nil, errors.New("the RTMP module of nginx (libnginx-mod-rtmp) is not installed; run make setup")
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &RTMP{URL: fmt.Sprintf("rtmp://127.0.0.1:%d/live", port), Folder: filepath.Join(dir, "received")}
	if err := os.MkdirAll(r.Folder, 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(rtmpConfig(dir, r.Folder, port)), 0o600); err != nil {
		return nil, err
	}
	r.Proc, err = Start(ctx, Spec{Name: "nginx", Path: program, Dir: dir, Args: []string{"-p", dir, "-e", "stderr", "-c", conf},
		Timeout: 20 * time.Second, Ready: func(ctx context.Context) error {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err == nil {
				c.Close()
			}
			return err
		}})
	return r, err
}

// rtmpConfig has one process in the foreground, so that it runs and writes as whoever starts it.
func rtmpConfig(dir, folder string, port int) string {
	return fmt.Sprintf("load_module %s;\ndaemon off;\nmaster_process off;\npid %s/nginx.pid;\nerror_log stderr info;\n"+
		"events { worker_connections 64; }\n"+
		"rtmp { server { listen 127.0.0.1:%d; application live { live on; record all; record_path %s; } } }\n",
		rtmpModule, dir, port, folder)
}
