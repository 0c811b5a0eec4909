// Command egress is LiveKit Egress 1.8, the recorder, as devstack and the tests run it: no web templates, no Chrome,
// Track Composite only. It is a module of its own, so that the recorder's dependencies stay out of the product.
//
// Without a command it is the service, configured by the file that EGRESS_CONFIG_FILE names; for every request the
// service starts "egress run-handler" from PATH. SIGINT and SIGTERM finish the recordings and end it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/livekit/egress/pkg/config"
	"github.com/livekit/egress/pkg/errors"
	"github.com/livekit/egress/pkg/service"
	"github.com/livekit/protocol/redis"
	"github.com/livekit/protocol/rpc"
	"github.com/livekit/psrpc"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protojson"
)

func main() {
	run := runService
	if len(os.Args) > 1 && os.Args[1] == "run-handler" {
		run = runHandler
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// stopSignals are the signals that finish the recordings.
func stopSignals() <-chan os.Signal {
	c := make(chan os.Signal, 2)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	return c
}

func runService() error {
	stop := stopSignals()
	body, err := os.ReadFile(os.Getenv("EGRESS_CONFIG_FILE"))
	if err != nil {
		return fmt.Errorf("EGRESS_CONFIG_FILE must name the configuration: %w", err)
	}
	conf, err := config.NewServiceConfig(string(body))
	if err != nil {
		return err
	}
	rc, err := redis.GetRedisClient(conf.Redis)
	if err != nil {
		return err
	}
	bus := psrpc.NewRedisMessageBus(rc)
	io, err := service.NewIOClient(bus)
	if err != nil {
		return err
	}
	svc, err := service.NewService(conf, io)
	if err != nil {
		return err
	}
	server, err := rpc.NewEgressInternalServer(svc, bus)
	if err != nil {
		return err
	}
	svc.Register(server)
	go func() {
		<-stop
		svc.Stop(true)
	}()
	err = svc.Run()
	// Close waits in steps of 30 s while a handler runs, so the handlers are awaited here in shorter ones.
	for i := 0; i < 80 && !svc.IsIdle(); i++ {
		time.Sleep(100 * time.Millisecond)
	}
	if svc.IsIdle() {
		svc.Close()
	}
	return err
}

func runHandler() error {
	// A service that is killed takes its handlers with it (prctl(2), PR_SET_PDEATHSIG).
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0); err != nil {
		return err
	}
	stop := stopSignals()
	flags := flag.NewFlagSet("run-handler", flag.ContinueOnError)
	body := flags.String("config", "", "configuration of the pipeline, YAML")
	request := flags.String("request", "", "the request, protobuf JSON")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	req := &rpc.StartEgressRequest{}
	if err := protojson.Unmarshal([]byte(*request), req); err != nil {
		return err
	}
	conf, err := config.NewPipelineConfig(*body, req)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(conf.TmpDir, 0o755); err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", conf.TmpDir); err != nil {
		return err
	}
	rc, err := redis.GetRedisClient(conf.Redis)
	if err != nil {
		return err
	}
	bus := psrpc.NewRedisMessageBus(rc)
	io, err := rpc.NewIOInfoClient(bus)
	if err != nil {
		return err
	}
	handler, err := service.NewHandler(conf, bus, io)
	if errors.IsFatal(err) {
		return err // the service reports it
	}
	if err != nil {
		return nil // the handler has reported it
	}
	go func() {
		<-stop
		handler.Kill()
	}()
	return handler.Run()
}
