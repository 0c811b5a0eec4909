package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/embedded"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// serve holds the flags of the service.
type serve struct {
	Listen     string `help:"Address to listen on." default:"127.0.0.1:8484" env:"HINDSIGHT_LISTEN"`
	Operators  string `name:"operator-listen" help:"Address for /readyz and /metrics. Keep it private. Empty turns them off." default:"127.0.0.1:8485" env:"HINDSIGHT_OPERATOR_LISTEN"`
	TLSCert    string `placeholder:"FILE" help:"TLS certificate file with its chain, reloaded when it changes. Default: plain HTTP, for use behind a proxy." env:"HINDSIGHT_TLS_CERT"`
	TLSKey     string `placeholder:"FILE" help:"TLS private key file." env:"HINDSIGHT_TLS_KEY"`
	LivekitURL string `help:"LiveKit URL for this service, ws(s)://host." env:"LIVEKIT_URL" default:"ws://127.0.0.1:7880"`
	PublicURL  string `placeholder:"URL" help:"LiveKit URL for users. Default: the same." env:"LIVEKIT_PUBLIC_URL"`
	place
	Recorder   embedded.Kind `help:"What records: livekit (LiveKit Egress, Track Composite), embedded (this service; H.264 and Opus as published), or auto (livekit if the LiveKit server supports egress or --database is set, else embedded; decided at startup)." default:"auto" enum:"auto,embedded,livekit" env:"HINDSIGHT_RECORDER"`
	EgressDir  string        `placeholder:"DIR" help:"Path of the data folder's segments subfolder as seen by LiveKit Egress. Default: the same path." env:"HINDSIGHT_EGRESS_DIR"`
	Replay     time.Duration `help:"Length of the replay buffer of a running share." default:"20m" env:"HINDSIGHT_REPLAY"`
	Expire     time.Duration `help:"How long the replay buffer is kept after the share has ended." default:"10m" env:"HINDSIGHT_EXPIRE"`
	Stall      time.Duration `help:"How long a recorder may store nothing before it is replaced. Must exceed the delays of storage and a busy machine." default:"45s" env:"HINDSIGHT_STALL"`
	FrameRate  int           `help:"Frame rate of the recording (FPS)." default:"30" env:"HINDSIGHT_FRAME_RATE"`
	MaxWidth   int           `help:"Maximum width of the recording, in pixels." default:"1920" env:"HINDSIGHT_MAX_WIDTH"`
	MaxHeight  int           `help:"Maximum height of the recording, in pixels." default:"1080" env:"HINDSIGHT_MAX_HEIGHT"`
	AACPriming int           `help:"Delay of the recorder's AAC encoder, in samples (faac: 1024, vo-aacenc: 1600)." default:"1024" env:"HINDSIGHT_AAC_PRIMING"`
	StreamTo   []string      `placeholder:"URL" help:"RTMP servers that recordings may be streamed to, rtmps://host/app. Default: none." env:"HINDSIGHT_STREAM_TO"`
	Drain      time.Duration `help:"How long to wait for running requests when the service stops." default:"15s" env:"HINDSIGHT_DRAIN"`
	DrainDelay time.Duration `help:"How long /readyz fails before that, so that load balancers stop sending requests." default:"0s" env:"HINDSIGHT_DRAIN_DELAY"`
	LogJSON    bool          `help:"Log in JSON lines." env:"HINDSIGHT_LOG_JSON"`
	LogLevel   slog.Level    `help:"Log level: debug, info, warn or error." default:"info" env:"HINDSIGHT_LOG_LEVEL"`

	guard

	PrintConfig bool `help:"Print the effective settings as a configuration file and exit."`
}

// validate names the flag that is wrong and what is allowed.
func (s *serve) validate() error {
	for name, v := range map[string]string{"livekit-url": s.LivekitURL, "public-url": s.PublicURL} {
		u, err := url.Parse(v)
		ok := err == nil && u.Host != "" && (u.Scheme == "ws" || u.Scheme == "wss" || u.Scheme == "http" ||
			u.Scheme == "https")
		if v != "" && !ok {
			return fmt.Errorf("--%s is %q; it must be of the form wss://host", name, v)
		}
	}
	switch {
	case s.FrameRate < 1 || s.FrameRate > 60:
		return fmt.Errorf("--frame-rate is %d; it must be 1 to 60", s.FrameRate)
	case s.MaxWidth < 160 || s.MaxWidth > 7680 || s.MaxHeight < 90 || s.MaxHeight > 4320:
		return errors.New("--max-width and --max-height must be between 160x90 and 7680x4320")
	case s.Replay < 5*time.Second || s.Replay > 24*time.Hour:
		return fmt.Errorf("--replay is %v; it must be between 5s and 24h", s.Replay)
	case s.Expire < time.Second || s.Expire > 30*24*time.Hour:
		return fmt.Errorf("--expire is %v; it must be between 1s and 30d", s.Expire)
	case s.Stall < 20*time.Second || s.Stall > 10*time.Minute:
		return fmt.Errorf("--stall is %v; it must be between 20s and 10m", s.Stall)
	case s.AACPriming < 0 || s.AACPriming > 8192:
		return fmt.Errorf("--aac-priming is %d; it must be 0 to 8192 samples", s.AACPriming)
	case s.Drain < 0 || s.Drain > time.Hour || s.DrainDelay < 0 || s.DrainDelay > time.Hour:
		return errors.New("--drain and --drain-delay must be between 0s and 1h")
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key are needed together")
	}
	return nil
}

func (s *serve) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

// Run serves until the context ends.
func (s *serve) Run(ctx context.Context, c *cli, call *kong.Context, out output) (err error) {
	var o backend.Options
	if err := errors.Join(s.validate(), s.validateShared(c), s.fill(&o)); err != nil {
		return err
	}
	if s.PrintConfig {
		return printed(out, call.Flags())
	}
	key, err1 := secret("LIVEKIT_API_KEY")
	apiSecret, err2 := secret("LIVEKIT_API_SECRET")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	log := s.logger()
	db, err := c.openState(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Serve(); err != nil {
		return err
	}
	files, err := s.openStorage(ctx, c.Data, s.EgressDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	tidy, stop := context.WithCancel(ctx)
	tidied := make(chan struct{})
	go func() { // nobody waits for it: a bucket may have very many files
		defer close(tidied)
		s.tidy(tidy, db, files, log)
	}()
	defer func() { stop(); <-tidied }()
	rec := recorder.New(recorder.Options{URL: s.LivekitURL, APIKey: key, APISecret: apiSecret, FrameRate: s.FrameRate,
		MaxWidth: s.MaxWidth, MaxHeight: s.MaxHeight, Upload: files.Upload()})
	here := embedded.New(embedded.Options{URL: s.LivekitURL, Rooms: rec, Files: files, Log: log})
	defer func() { err = errors.Join(err, here.Close()) }()
	choice := embedded.Choose(s.recorder(c), rec, here, log)
	if err := decide(ctx, choice); err != nil {
		log.Warn("the recorder is chosen when the first user shares", "err", err)
	}
	public := s.PublicURL
	if public == "" {
		public = s.LivekitURL
	}
	o.State, o.Tokens, o.Recorder, o.Storage, o.Clips, o.Ready = db, rec, choice, files, files, rec.Ping
	o.Cutter = &buffers.Remuxer{Storage: files, Clips: files, Priming: time.Duration(s.AACPriming) * time.Second / 48000}
	o.JobRecorder, o.JobFiles, o.Web.StreamTo, o.Web.LiveKitURL = rec, files, s.StreamTo, public
	o.Evictor, o.Replay, o.Keeper.Expire, o.Keeper.Stall, o.Log = rec, s.Replay, s.Expire, s.Stall, log
	o.Uploads.Work = c.workFolder()
	opened, err := s.open(&o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	service, err := backend.New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	return s.listen(ctx, service, log)
}

// tidy deletes old files that the database does not know: those of a process that was killed.
func (s *serve) tidy(ctx context.Context, db *state.Store, files *storage.Storage, log *slog.Logger) {
	began := time.Now()
	known, err := db.RecordingIDs(ctx)
	if err == nil {
		err = files.KeepRecordings(ctx, known, began.Add(-s.Expire))
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("cannot delete unknown recordings", "err", err)
	}
	sent, err := db.UploadIDs(ctx)
	if err == nil {
		err = files.KeepUploads(ctx, sent, began.Add(-s.UploadExpire))
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("cannot delete unknown uploads", "err", err)
	}
}

// validateShared refuses a recorder that only its own process can stop and ask, where several share the work.
func (s *serve) validateShared(c *cli) error {
	if c.shared() && s.Recorder == embedded.ChooseEmbedded {
		return errors.New("--recorder embedded is for a backend on its own; leave --database and --database-file out, or " +
			"record with --recorder livekit")
	}
	return nil
}

func (s *serve) recorder(c *cli) embedded.Kind {
	if c.shared() {
		return embedded.ChooseLiveKit
	}
	return s.Recorder
}

// decide has the recorder chosen, so that the log says at the start which it is.
func decide(ctx context.Context, c *embedded.Choice) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := c.Decide(ctx)
	return err
}

// place says where segments and clips are.
type place struct {
	Storage string `placeholder:"URL" help:"Bucket for segments and clips, s3://…, gs://… or azblob://…, used by this service and LiveKit Egress. Default: the data folder. Keys are passed in the environment." env:"HINDSIGHT_STORAGE"`
}

// openStorage opens the bucket, or the data folder where none is given; egress is what that one's segments are called
// at LiveKit Egress.
func (p place) openStorage(ctx context.Context, data, egress string) (*storage.Storage, error) {
	if p.Storage == "" {
		return storage.Open(data, egress)
	}
	return storage.OpenBucket(ctx, p.Storage)
}

// listen serves HTTP until the context ends, then tells so and lets running calls finish. Operators are answered until
// the end.
func (s *serve) listen(ctx context.Context, service *backend.Server, log *slog.Logger) (err error) {
	ended := make(chan error, 2)
	if s.Operators != "" {
		l, err := net.Listen("tcp", s.Operators)
		if err != nil {
			return fmt.Errorf("cannot listen at %s (%w); choose another address with --operator-listen", s.Operators, err)
		}
		operators := newHTTP(service.OperatorHandler(), log)
		operators.WriteTimeout = 30 * time.Second
		go func() { ended <- operators.Serve(l) }()
		defer func() { err = errors.Join(err, operators.Close()) }()
		log.Info("listening for operators", "address", l.Addr().String())
	}
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen at %s (%w); choose another address with --listen", s.Listen, err)
	}
	server := newHTTP(service.Handler(), log)
	serve := server.Serve
	if s.TLSCert != "" {
		cert, err := openCertificate(s.TLSCert, s.TLSKey, log)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get}
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	go func() { ended <- serve(l) }()
	log.Info("listening", "address", l.Addr().String(), "prefix", api.Prefix, "livekit", s.LivekitURL)
	select {
	case err := <-ended:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	log.Info("stopping", "delay", s.DrainDelay, "drain", s.Drain)
	service.Drain()
	select {
	case err := <-ended:
		return errors.Join(err, server.Close())
	case <-time.After(s.DrainDelay):
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Drain)
	defer cancel()
	if err := server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
		log.Warn("closed requests that took too long")
		return server.Close()
	} else if err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// newHTTP is a server with limits against slow callers.
func newHTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}
