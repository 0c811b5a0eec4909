package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a running PostgreSQL server. Its data is deleted when it is closed.
type Postgres struct {
	*Proc
	bin, folder    string
	port, password string
}

// postgresRole is the server's superuser.
const postgresRole = "hindsight"

// StartPostgres starts Debian's PostgreSQL on a free port of the loopback interface. It refuses to run as root, so root
// starts it as the user that Debian's package has made, in a folder of that user's own.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "hindsight-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, folder: folder, password: rand.Text()}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return p, nil
}

// postgresPrograms is the folder of initdb and postgres, which Debian keeps off PATH.
func postgresPrograms() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	program, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed; run make setup")
	}
	return filepath.Dir(program), nil
}

func (p *Postgres) start(ctx context.Context) error {
	as, err := postgresUser()
	if err != nil {
		return err
	}
	if as != nil {
		if err := os.Chown(p.folder, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(p.folder, "data")
	pwfile := filepath.Join(p.folder, "password")
	if err := os.WriteFile(pwfile, []byte(p.password+"\n"), 0o644); err != nil { // the folder is closed to others
		return err
	}
	var last error
	init := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "--no-sync", "--no-locale", "--encoding=UTF8",
		"--auth=scram-sha-256", "--username="+postgresRole, "--pwfile="+pwfile, "--pgdata="+data)
	init.Dir, init.SysProcAttr = p.folder, runAs(as)
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("no PostgreSQL database can be made: %w:\n%s", err, out)
	}
	for range startAttempts {
		port, err := FreePort()
		if err != nil {
			return err
		}
		p.port = strconv.Itoa(port)
		p.Proc, err = Start(ctx, Spec{
			Name: "postgres", Path: filepath.Join(p.bin, "postgres"), Dir: p.folder, Timeout: time.Minute, User: as,
			Args: []string{"-D", data, "-c", "listen_addresses=127.0.0.1", "-p", p.port,
				"-c", "unix_socket_directories=", "-c", "fsync=off"},
			Ready: func(ctx context.Context) error { return p.run(ctx, "pg_isready", "-q") },
		})
		if err == nil || ctx.Err() != nil {
			return err
		}
		last = err
	}
	return last
}

// run runs a client program of PostgreSQL against the server.
func (p *Postgres) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, program), append([]string{"-h", "127.0.0.1", "-p", p.port, "-U",
		postgresRole}, args...)...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+p.password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

// NewDatabase makes an empty database and returns its URL, postgres://user:password@127.0.0.1:port/name.
func (p *Postgres) NewDatabase(ctx context.Context) (string, error) {
	name := "d" + strings.ToLower(rand.Text())
	if err := p.run(ctx, "createdb", name); err != nil {
		return "", err
	}
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s/%s", postgresRole, p.password, p.port, name), nil
}

// postgresUser is who runs the server; nil is whoever we are.
func postgresUser() (*Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("there is no user postgres, whom Debian's package makes; run make setup")
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// Close ends the server without waiting for its clients (SIGINT, its fast shutdown) and deletes what it kept.
func (p *Postgres) Close() error {
	_ = p.Signal(syscall.SIGINT)
	return errors.Join(p.Proc.Close(), os.RemoveAll(p.folder))
}
