package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
)

const maxLine = 64 << 10 // bytes of one request

// Handler returns a request; data is sent as JSON. It runs in the connection's goroutine and should end with ctx.
type Handler func(ctx context.Context, r Request) (data any, err error)

// Server is the running app's side.
type Server struct {
	listener net.Listener
	lock     *os.File
	log      *slog.Logger
	handle   Handler

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// Listen takes the one place of this user's app. ErrRunning means that it is taken. Requests wait until Serve.
func Listen(dir string, log *slog.Logger) (*Server, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	path := socketPath(dir)
	_ = os.Remove(path) // left by an app that was killed; the lock says that none lives
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		if l != nil {
			l.Close()
		}
		lock.Close()
		return nil, fmt.Errorf("the control socket could not be opened: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{listener: l, lock: lock, log: log, ctx: ctx, cancel: cancel, conns: map[net.Conn]struct{}{}}, nil
}

// Serve starts answering requests. It returns at once and is called once.
func (s *Server) Serve(h Handler) {
	s.handle = h
	s.wg.Add(1)
	go s.accept()
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if s.ctx.Err() == nil {
				s.log.Error("the control socket stopped working", "error", err)
			}
			return
		}
		if !s.add(c) {
			c.Close()
			return
		}
		s.wg.Add(1)
		go s.serve(c)
	}
}

func (s *Server) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) serve(c net.Conn) {
	defer s.wg.Done()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		c.Close()
	}()
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, maxLine)
	out := json.NewEncoder(c)
	for lines.Scan() {
		if out.Encode(s.answer(lines.Bytes())) != nil {
			return // the other side closed the connection
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		_ = out.Encode(Response{Error: "The request is longer than 64 KiB."})
	}
}

func (s *Server) answer(line []byte) Response {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return Response{Error: "The request is not a JSON object with a command: " + err.Error() + "."}
	}
	data, err := s.handle(s.ctx, r)
	resp := Response{OK: err == nil}
	if err != nil {
		resp.Error = err.Error()
		var invalid *InvalidError
		resp.Invalid = errors.As(err, &invalid)
	}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return Response{Error: "The answer cannot be written as JSON: " + err.Error() + "."}
		}
		resp.Data = raw
	}
	return resp
}

// Close stops answering and gives the place free. Handlers' contexts end. It may be called twice.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.cancel()
		s.listener.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
		s.lock.Close()
	})
	return nil
}
