package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// startAttempts is how often a server is started with new ports: another process may take a port between the moment
// it was found free and the moment the server binds it.
const startAttempts = 3

// Redis is a running redis-server that keeps nothing on disk.
type Redis struct {
	*Proc
	// Addr is host:port.
	Addr string
}

// StartRedis starts redis-server on a free port of the loopback interface, with its log in dir.
func StartRedis(ctx context.Context, dir string) (*Redis, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, errors.New("redis-server is not installed; run make setup")
	}
	var last error
	for range startAttempts {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		p, err := Start(ctx, Spec{
			Name: "redis", Path: "redis-server", Dir: dir, Timeout: 20 * time.Second,
			Args: []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "",
				"--appendonly", "no", "--dir", dir},
			Ready: func(ctx context.Context) error { return redisPing(ctx, addr) },
		})
		if err == nil {
			return &Redis{Proc: p, Addr: addr}, nil
		}
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

// redisPing sends the inline command PING and expects the simple string PONG (the Redis serialization protocol).
func redisPing(ctx context.Context, addr string) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.TrimSpace(line) != "+PONG" {
		return fmt.Errorf("redis answered %q", line)
	}
	return nil
}
