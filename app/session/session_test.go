package session_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-app/hindsight/app/apptest"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// bench is a session over working parts in memory and a real settings file.
type bench struct {
	*session.Session
	engine *apptest.Engine
	dir    string
}

func start(t *testing.T, edit func(*config.Config)) *bench {
	t.Helper()
	return startWith(t, func(dir string) session.Secrets {
		return &token.Store{File: filepath.Join(dir, "token"), NoKeyring: true}
	}, edit)
}

func startWith(t *testing.T, secrets func(dir string) session.Secrets, edit func(*config.Config)) *bench {
	t.Helper()
	b := &bench{engine: &apptest.Engine{}, dir: t.TempDir()}
	store, cfg, problems := config.Open(b.dir)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	cfg.Replay.Folder = filepath.Join(b.dir, "clips")
	if edit != nil {
		edit(&cfg)
	}
	b.Session = session.New(session.Options{
		Engine: b.engine, Settings: store, Secrets: secrets(b.dir), Config: cfg,
		App: func() string { return "Pong" }, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { b.close(t) })
	return b
}

func (b *bench) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// apply changes the settings to these, as a front end that has read them before would.
func (b *bench) apply(t *testing.T, c config.Config) config.Result {
	t.Helper()
	return b.Apply(t.Context(), config.Diff(b.Snapshot().Settings, c))
}

func share(c *config.Config) {
	c.Sharing.AtLaunch, c.Sharing.BackendURL, c.Sharing.Room = true, "http://127.0.0.1:1", "room"
}

// until waits for a snapshot that fits.
func (b *bench) until(t *testing.T, what string, fits func(session.Snapshot) bool) session.Snapshot {
	t.Helper()
	snapshots, stop := b.Watch()
	defer stop()
	return wait.First(t, snapshots, 20*time.Second, what, fits)
}

func in(state session.State) func(session.Snapshot) bool {
	return func(s session.Snapshot) bool { return s.State == state }
}

func nextEvent(t *testing.T, events <-chan session.Event, kind session.EventKind) session.Event {
	t.Helper()
	return wait.First(t, events, 20*time.Second, string(kind), func(e session.Event) bool { return e.Kind == kind })
}

func TestSwitchesDecideWhatRuns(t *testing.T) {
	b := start(t, share)
	b.until(t, "live at launch", in(session.Live))
	if !b.engine.Recorder().Config().Sharing {
		t.Error("the recorder does not know that others see its video")
	}
	if err := b.SetShare(false); err != nil {
		t.Fatal(err)
	}
	b.until(t, "only the replay", in(session.Buffering))
	b.until(t, "no share", func(s session.Snapshot) bool { return s.Share.State == "off" })
	b.until(t, "the recorder knows", func(session.Snapshot) bool { return !b.engine.Recorder().Config().Sharing })
	if err := b.SetReplay(false); err != nil {
		t.Fatal(err)
	}
	b.until(t, "all off", in(session.Idle))
	if b.engine.Recorder() != nil {
		t.Error("the recorder is still open")
	}
	if err := b.SetShare(true); err != nil {
		t.Fatal(err)
	}
	b.until(t, "live without the replay", in(session.Live))
	if got := b.engine.Recorder().Config().Replay; got != 0 {
		t.Errorf("the recorder keeps %v with the replay off", got)
	}
}

func TestOnePressTwoCopies(t *testing.T) {
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	events, stop := b.Events()
	defer stop()
	before := time.Now()
	for _, text := range []string{"a goal", ""} {
		if err := b.Mark(text); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.Save(t.Context(), 30)
	if err != nil {
		t.Fatal(err)
	}
	if r.Local != "saved" || r.Clip == nil || r.Clip.Seconds != 30 {
		t.Fatalf("local copy: %+v", r)
	}
	if _, err := os.Stat(r.Clip.Path); err != nil {
		t.Error(err)
	}
	e := nextEvent(t, events, session.ServerSaved)
	if e.Save.ServerSeconds != 30 || e.Save.ID != r.ID || e.Save.Backend != "http://127.0.0.1:1" || e.Save.Room != "room" {
		t.Errorf("server copy: %+v", e.Save)
	}
	if p := b.engine.Publisher().Pressed(); len(p) != 1 || p[0].Before(before) || p[0].After(time.Now()) {
		t.Errorf("the server was told %v as the moments of the press", p)
	}
	if m := b.engine.Publisher().Marks(); len(m) != 2 || m[0].Title != "a goal" || m[1].Title != "Mark 2" ||
		m[0].At.Before(before) {
		t.Errorf("the server was given %+v as chapters", m)
	}
	b.until(t, "both in the history", func(s session.Snapshot) bool {
		return s.LastSave != nil && s.LastSave.Local == "saved" && s.LastSave.Server == "saved"
	})
}

func TestSecondPressDuringASave(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	release := b.engine.Recorder().Hold()
	events, stop := b.Events()
	defer stop()
	b.Press(10)
	b.Press(20)
	b.until(t, "two saves at once", func(s session.Snapshot) bool { return s.Saving == 2 })
	if err := b.SetReplay(false); err != nil {
		t.Fatal(err)
	}
	b.until(t, "the recorder waits for its saves", in(session.Stopping))
	release()
	first, second := nextEvent(t, events, session.LocalSaved), nextEvent(t, events, session.LocalSaved)
	if first.Save.Clip.Path == second.Save.Clip.Path {
		t.Error("both presses made one file")
	}
	b.until(t, "all off", in(session.Idle))
}

func TestWhatGoesWrongIsToldOnce(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Replay.AtLaunch = false })
	events, stop := b.Events()
	defer stop()
	b.engine.FailRecord(errors.New("GStreamer is missing; install it"))
	if err := b.SetReplay(true); err != nil {
		t.Fatal(err)
	}
	s := b.until(t, "an error", in(session.Failed))
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "GStreamer") {
		t.Errorf("problems: %v", s.Problems)
	}
	if e := nextEvent(t, events, session.Trouble); !strings.Contains(e.Text, "GStreamer") {
		t.Errorf("told: %q", e.Text)
	}
	if _, err := b.Save(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "GStreamer") {
		t.Errorf("a press then answers %v", err)
	}
	b.engine.FailRecord(nil)
	if err := b.SetReplay(true); err != nil {
		t.Fatal(err)
	}
	b.until(t, "healed by the switch", in(session.Buffering))

	b.engine.Recorder().FailScreen("The display went away.")
	b.until(t, "a failed screen", in(session.Failed))
	b.engine.Recorder().FailScreen("")
	b.until(t, "the screen again", in(session.Buffering))
	b.engine.Recorder().FailScreen("The display went away.")
	b.until(t, "failed again", in(session.Failed))
	told := 0
	for len(events) > 0 {
		if e := <-events; e.Kind == session.Trouble && strings.Contains(e.Text, "display") {
			told++
		}
	}
	if told != 2 {
		t.Errorf("two failures of the screen were told %d times", told)
	}
}

func TestTroublesFromBeforeTheFirstListenerAreTold(t *testing.T) {
	s := session.New(session.Options{
		Engine: &apptest.Engine{}, Config: config.Defaults(), Log: slog.New(slog.DiscardHandler),
		Problems: []string{"Setting video.frame_rate is \"fast\"."},
	})
	b := &bench{Session: s}
	t.Cleanup(func() { b.close(t) })
	if snap := s.Snapshot(); snap.Settings.Replay.Seconds != config.Defaults().Replay.Seconds || len(snap.Problems) != 1 {
		t.Errorf("the first snapshot is %+v", snap)
	}
	b.until(t, "the replay runs", in(session.Buffering))
	events, stop := b.Events()
	defer stop()
	if e := nextEvent(t, events, session.Trouble); !strings.Contains(e.Text, "frame_rate") {
		t.Errorf("told: %q", e.Text)
	}
	later, stop := b.Events()
	defer stop()
	if len(later) > 0 {
		t.Errorf("a second listener is told %v again", <-later)
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{"": "", "the disk is full": "The disk is full.", "Why?": "Why?",
		"änderung nötig": "Änderung nötig.",
		"no sound server responds (dial unix /run/user/0/pulse/native: connect: no such file or directory); start " +
			"PulseAudio": "No sound server responds; start PulseAudio.",
		"the backend is away: Post \"https://x.example/api\": dial tcp 10.0.0.1:443: connect: connection refused": "" +
			"The backend is away: nothing answers there.",
		"x.example cannot be reached (lookup x.example on 10.0.0.1:53: no such host); check the network": "" +
			"X.example cannot be reached (there is no server of that name); check the network.",
		"the server did not say: context deadline exceeded (Client.Timeout exceeded while awaiting headers)": "" +
			"The server did not say: it did not answer in time.",
		"a player: exec: \"mpv\": executable file not found in $PATH": "" +
			"A player: mpv is not installed.",
		"the settings: open /etc/x/config.toml: permission denied": "" +
			"The settings: permission denied.",
		"the connection to x broke: read tcp 10.0.0.2:5000->10.0.0.1:443: read: connection reset by peer": "" +
			"The connection to x broke: the other side closed the connection.",
	} {
		if got := session.Sentence(text); got != want {
			t.Errorf("%q becomes %q; want %q", text, got, want)
		}
	}
}

func TestShareIsTriedAgain(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.Sharing.AtLaunch = false })
	b.engine.FailShare(errors.New("The backend refused the token."))
	if err := b.SetShare(true); err != nil {
		t.Fatal(err)
	}
	s := b.until(t, "a failed share", func(s session.Snapshot) bool { return s.Share.State == "failed" })
	if s.State != session.Buffering {
		t.Errorf("the replay must go on, but the state is %s", s.State)
	}
	b.engine.FailShare(nil)
	b.until(t, "live by itself", in(session.Live))
	b.engine.Publisher().SetStatus(session.ShareStatus{State: "failed", Error: "The room was closed."})
	tries := b.engine.ShareTries()
	b.until(t, "told, and off", func(s session.Snapshot) bool {
		return s.State == session.Buffering && !s.ShareOn && s.Share.State == "failed" &&
			s.Share.Error == "The room was closed."
	})
	if b.engine.ShareTries() != tries {
		t.Error("the screen is shared again although somebody else ended it")
	}
	if err := b.SetShare(true); err != nil {
		t.Fatal(err)
	}
	b.until(t, "live when the user wants it", in(session.Live))
}

// secret is a token store that tells when it has stored.
type secret struct {
	session.Secrets
	stored func()
}

func (s *secret) Set(token, server string) error {
	err := s.Secrets.Set(token, server)
	s.stored()
	return err
}

// Who enters another server and its token while a share is tried again has no token sent to the other's server.
func TestATokenGoesToItsServerOnly(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	tokens := &secret{stored: func() {}}
	b := startWith(t, func(dir string) session.Secrets {
		tokens.Secrets = &token.Store{File: filepath.Join(dir, "token"), NoKeyring: true}
		if err := tokens.Set("old", "http://127.0.0.1:1"); err != nil {
			t.Error(err)
		}
		return tokens
	}, func(c *config.Config) { share(c); c.Sharing.AtLaunch = false })
	b.engine.FailShare(errors.New("the server is away"))
	again := func() {
		for range 3 { // a command that has returned has been acted on when the next one returns
			if err := b.SetShare(true); err != nil {
				t.Error(err)
			}
		}
	}
	again()
	b.until(t, "a failed share", func(s session.Snapshot) bool { return s.Share.State == "failed" })
	tokens.stored = again
	const old, other = "http://127.0.0.1:1", "http://127.0.0.1:2"
	toOther := func(c *config.Config) { c.Sharing.BackendURL = other }
	wrong := func(c *config.Config) { c.Video.FrameRate = 25 }
	patch := func(edit func(*config.Config)) config.Patch {
		return config.Edit(b.Snapshot().Settings, edit).WithToken("new")
	}
	if r := b.Apply(t.Context(), patch(wrong)); !r.Invalid {
		t.Errorf("a wrong setting is accepted: %+v", r)
	}
	if r := b.Apply(t.Context(), patch(toOther)); !r.OK() {
		t.Fatal(r.Text())
	}
	b.engine.FailShare(nil)
	b.until(t, "live", in(session.Live))
	for _, c := range b.engine.Shares() {
		if (c.BackendURL == other) != (c.UserToken == "new") || c.BackendURL != old && c.BackendURL != other {
			t.Errorf("the token %q went to %s", c.UserToken, c.BackendURL)
		}
	}
	if got := b.engine.Publisher().Config.UserToken; got != "new" {
		t.Errorf("shared with the token %q", got)
	}
}

func TestSharingNeedsSettings(t *testing.T) {
	b := start(t, nil)
	if err := b.SetShare(true); err == nil || !strings.Contains(err.Error(), "server URL") {
		t.Errorf("sharing without a server answers %v", err)
	}
	if b.Snapshot().ShareOn {
		t.Error("sharing is on nevertheless")
	}
}

func TestSettingsReachTheRecorderAndTheFile(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	c := b.Snapshot().Settings
	c.Sound.Microphone.GainDB = 6
	c.Replay.Seconds = 90
	if r := b.apply(t, c); !r.InUse() {
		t.Fatal(r.Text())
	}
	if err := b.Mute(session.DesktopSound, true); err != nil {
		t.Fatal(err)
	}
	fits := func(c capture.Config) bool {
		return c.Mic.GainDB == 6 && c.Replay == 90*time.Second && c.Desktop.Muted
	}
	b.until(t, "the recorder has them", func(session.Snapshot) bool { return fits(b.engine.Recorder().Config()) })
	if b.engine.Opened() != 1 {
		t.Errorf("the recorder was opened %d times; its buffer is lost", b.engine.Opened())
	}
	_, again, problems := config.Open(b.dir)
	if len(problems) > 0 || !fits(again.Capture(true)) {
		t.Errorf("after a restart: %+v %v", again, problems)
	}
	c.Video.FrameRate = 25
	if r := b.apply(t, c); !r.Invalid || !strings.Contains(r.Text(), "165 or 240") {
		t.Errorf("25 frames a second: %+v", r)
	}
}

func TestTheMicrophoneWaitsForItsKey(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Hotkeys.Talk = "Ctrl+F8" })
	b.until(t, "replay", in(session.Buffering))
	heard := func() bool { return !b.engine.Recorder().Config().Mic.Muted }
	if heard() || !b.Snapshot().Mic.Closed {
		t.Error("the microphone is open before its key is held")
	}
	for _, held := range []bool{true, false, true} {
		b.Talk(held)
		b.until(t, "the microphone follows the key",
			func(s session.Snapshot) bool { return heard() == held && s.Mic.Closed != held })
	}
	if err := b.ToggleMute(session.Microphone); err != nil {
		t.Fatal(err)
	}
	b.until(t, "a muted microphone stays silent while the key is held",
		func(s session.Snapshot) bool { return !heard() && s.Mic.Muted })
	if _, c, _ := config.Open(b.dir); !c.Sound.Microphone.Muted {
		t.Error("the mute key's choice is not remembered")
	}
}

// Muting, the push-to-talk key and pausing act while the recorder takes its time over other settings, and those do
// not undo it.
func TestMutingDoesNotWaitForApply(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Hotkeys.Talk = "Ctrl+F8" })
	b.until(t, "replay", in(session.Buffering))
	rec := b.engine.Recorder()
	b.Talk(true)
	b.until(t, "the microphone is open", func(s session.Snapshot) bool { return !rec.Config().Mic.Muted })
	waiting, release := rec.HoldApply()
	c := b.Snapshot().Settings
	c.Replay.Seconds = 90
	applied := make(chan config.Result, 1)
	go func() { applied <- b.apply(t, c) }()
	<-waiting
	for _, held := range []bool{false, true} {
		b.Talk(held)
		b.until(t, "the key acts during it", func(s session.Snapshot) bool {
			return rec.Config().Mic.Muted != held &&
				s.Mic.Closed != held
		})
	}
	for _, away := range []bool{true, false} {
		b.SetAway(away, false)
		b.until(t, "a pause mutes all during it", func(session.Snapshot) bool {
			return rec.Config().Mic.Muted == away && rec.Config().Desktop.Muted == away
		})
	}
	for _, src := range []session.Source{session.Microphone, session.DesktopSound} {
		if err := b.Mute(src, true); err != nil {
			t.Fatal(err)
		}
	}
	muted := func() bool { return rec.Config().Mic.Muted && rec.Config().Desktop.Muted }
	b.until(t, "both are muted during it", func(session.Snapshot) bool { return muted() })
	if rec.Config().Replay == 90*time.Second {
		t.Error("the settings were applied before their time")
	}
	if len(applied) > 0 || b.Snapshot().Settings.Replay.Seconds == 90 {
		t.Error("it is said to be applied before it is")
	}
	release()
	if r := <-applied; !r.InUse() {
		t.Error(r.Text())
	}
	b.until(t, "the settings are applied and it is still muted", func(session.Snapshot) bool {
		return rec.Config().Replay == 90*time.Second && muted()
	})
}

func TestAnUnwritableFolderIsExplained(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Replay.Folder = "/proc/hindsight" })
	b.until(t, "replay", in(session.Buffering))
	r, err := b.Save(t.Context(), 0)
	if err == nil || r.Local != "failed" || !strings.Contains(err.Error(), "folder") {
		t.Errorf("saving to /proc answers %+v, %v", r, err)
	}
	b.until(t, "the replay goes on", in(session.Buffering))
}

func TestCloseEndsEverythingInOrderAndTwice(t *testing.T) {
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	b.close(t)
	b.close(t)
	if b.engine.Recorder() != nil || b.engine.Publisher() != nil {
		t.Error("something still runs after Close")
	}
	if err := b.SetReplay(true); !errors.Is(err, session.ErrClosed) {
		t.Errorf("a command after Close answers %v", err)
	}
	if _, open := <-func() <-chan session.Snapshot { c, _ := b.Watch(); return c }(); open {
		t.Error("watching a closed session does not end")
	}
}

func TestStreamQualityReachesTheShare(t *testing.T) {
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	first := b.engine.Publisher()
	if first.Config.Quality != config.SameQuality {
		t.Error("the stream is lower before anybody asked")
	}
	for _, quality := range []config.StreamQuality{config.LowerQuality, config.BothQuality} {
		c := b.Snapshot().Settings
		c.Sharing.StreamQuality = quality
		if r := b.apply(t, c); !r.InUse() {
			t.Fatal(r.Text())
		}
		b.until(t, "shared again", func(session.Snapshot) bool {
			p := b.engine.Publisher()
			return p != nil && p != first && p.Config.Quality == quality
		})
		first = b.engine.Publisher()
	}
}

func TestTwoQuickPressesOfTheShareKey(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.Sharing.AtLaunch = false })
	for range 10 {
		if err := errors.Join(b.ToggleShare(), b.ToggleShare()); err != nil {
			t.Fatal(err)
		}
	}
	b.until(t, "off after an even number of presses",
		func(s session.Snapshot) bool { return !s.ShareOn && s.Share.State == "off" })
}

func TestAClosedWindowLeavesTheReplayUsable(t *testing.T) {
	b := start(t, func(c *config.Config) {
		c.Video.Source = config.VideoSource{Kind: config.OneWindow, WindowClass: "Game"}
	})
	b.until(t, "something is kept", func(s session.Snapshot) bool { return s.BufferedSeconds > 0 })
	b.engine.Recorder().CloseWindow()
	s := b.until(t, "it is told", func(s session.Snapshot) bool { return s.SourceGone })
	if s.State != session.Buffering || !s.CanSave() || len(s.Problems) != 1 {
		t.Errorf("state %s, a save is possible: %v, problems %v", s.State, s.CanSave(), s.Problems)
	}
}

func TestSwitchesSayWhenTheyHaveTakenEffect(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.Sharing.AtLaunch, c.Replay.AtLaunch = false, false })
	b.engine.FailRecord(errors.New("there is no screen"))
	err := errors.Join(b.SetRecord(true), nil)
	if err == nil {
		err = b.AwaitRecord(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "no screen") {
		t.Errorf("a recording that cannot begin answers %v", err)
	}
	b.engine.FailRecord(nil)
	if err := errors.Join(b.SetRecord(true), b.AwaitRecord(t.Context())); err != nil {
		t.Fatal(err)
	}
	if s := b.until(t, "it records", func(s session.Snapshot) bool { return s.Recording != nil }); s.ReplayOn {
		t.Error("the replay is on")
	}
	if _, err := b.Save(t.Context(), 0); err == nil || strings.Contains(err.Error(), "nothing is being captured") {
		t.Errorf("a save while only recording answers %v", err)
	}
	if err := errors.Join(b.SetRecord(false), b.AwaitRecord(t.Context())); err != nil {
		t.Fatal(err)
	}
	b.engine.FailShare(errors.New("the token was refused"))
	if err := b.SetShare(true); err != nil {
		t.Fatal(err)
	}
	if err := b.AwaitShare(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("sharing that fails answers %v", err)
	}
}

func TestAScreenshotNeedsNoReplay(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Replay.AtLaunch = false })
	path, err := b.Screenshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	b.until(t, "all off again", func(s session.Snapshot) bool {
		return s.State == session.Idle &&
			b.engine.Recorder() == nil
	})
}

func TestManyTroublesAreToldAtOnce(t *testing.T) {
	s := session.New(session.Options{
		Engine: &apptest.Engine{}, Config: config.Defaults(), Log: slog.New(slog.DiscardHandler),
		Problems: []string{"One is bad.", "Two is bad.", "Three is bad.", "Four is bad.", "Five is bad."},
	})
	b := &bench{Session: s}
	t.Cleanup(func() { b.close(t) })
	b.until(t, "the replay runs", in(session.Buffering))
	events, stop := b.Events()
	defer stop()
	if e := nextEvent(t, events, session.Trouble); !strings.Contains(e.Text, "One is bad.") ||
		!strings.Contains(e.Text, "2 more") {
		t.Errorf("told: %q", e.Text)
	}
	if len(events) > 0 {
		t.Errorf("and %v more", len(events))
	}
}
