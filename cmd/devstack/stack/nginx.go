package stack

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startNginx starts Debian's nginx with a whole configuration, its files and log in dir, and waits until it listens at
// addr. One process in the foreground runs and writes as whoever starts it.
func startNginx(ctx context.Context, dir, config, addr string) (*Proc, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not on everybody's PATH
	}
	if _, err := os.Stat(program); err != nil {
		return nil, errors.New("nginx is not installed; run make setup")
	}
	conf := filepath.Join(dir, "nginx.conf")
	config = "daemon off;\nmaster_process off;\npid " + filepath.Join(dir, "nginx.pid") + ";\nerror_log stderr info;\n" +
		config
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return Start(ctx, Spec{Name: "nginx", Path: program, Dir: dir, Args: []string{"-p", dir, "-e", "stderr", "-c", conf},
		Timeout: 20 * time.Second, Ready: func(ctx context.Context) error {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err == nil {
				c.Close()
			}
			return err
		}})
}

// StartProxy starts nginx with the servers of a file for its conf.d, files and logs in dir, and waits until it listens
// at addr. access.log is its log of calls.
func StartProxy(ctx context.Context, dir, servers, addr string) (*Proc, error) {
	config := "events { worker_connections 512; }\nhttp {\naccess_log " + filepath.Join(dir, "access.log") + ";\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		config += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	return startNginx(ctx, dir, config+servers+"\n}\n", addr)
}
