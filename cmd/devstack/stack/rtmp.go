package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	config := fmt.Sprintf("load_module %s;\nevents { worker_connections 64; }\n"+
		"rtmp { server { listen 127.0.0.1:%d; application live { live on; record all; record_path %s; } } }\n",
		rtmpModule, port, r.Folder)
	r.Proc, err = startNginx(ctx, dir, config, fmt.Sprintf("127.0.0.1:%d", port))
	return r, err
}
