package session_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

func TestRecordingNeedsNoReplay(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Replay.AtLaunch = false })
	events, stop := b.Events()
	defer stop()
	if err := b.Mark("too early"); err == nil {
		t.Error("a moment was marked while nothing runs")
	}
	if err := b.ToggleRecord(); err != nil {
		t.Fatal(err)
	}
	s := b.until(t, "it records", func(s session.Snapshot) bool { return s.Recording != nil && s.Recording.Seconds > 0 })
	if s.State != session.RecordingOnly || b.engine.Recorder().Config().Replay != 0 {
		t.Errorf("the state is %s, and the replay %v", s.State, b.engine.Recorder().Config().Replay)
	}
	if err := b.Mark("goal"); err != nil || b.engine.Recorder().Marks()[0] != "goal" {
		t.Errorf("a mark: %v, %q", err, b.engine.Recorder().Marks())
	}
	if err := b.ToggleRecord(); err != nil {
		t.Fatal(err)
	}
	e := nextEvent(t, events, session.Recorded)
	if _, err := os.Stat(e.Path); err != nil {
		t.Error(err)
	}
	b.until(t, "all is off again", in(session.Idle))
}

func TestRecordingThatEndsByItselfIsTold(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	events, stop := b.Events()
	defer stop()
	if err := b.SetRecord(true); err != nil {
		t.Fatal(err)
	}
	b.until(t, "it records", func(s session.Snapshot) bool { return s.Recording != nil })
	b.engine.Recorder().Recording().Fail(errors.New("the recording ended, for the disk is full"))
	e := nextEvent(t, events, session.RecordFailed)
	if !strings.Contains(e.Text, "disk is full") || e.Path == "" {
		t.Errorf("told: %+v", e)
	}
	b.until(t, "the replay goes on without it", func(s session.Snapshot) bool {
		return s.State == session.Buffering && !s.RecordOn && s.Recording == nil
	})

	c := b.Snapshot().Settings
	folder := filepath.Join(b.dir, "other")
	c.Replay.Folder = folder
	if r := b.apply(t, c); !r.InUse() {
		t.Fatal(r.Text())
	}
	b.until(t, "the recorder knows the folder",
		func(session.Snapshot) bool { return b.engine.Recorder().Config().ClipFolder == folder })
	if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil { // only later is it bad
		t.Fatal(err)
	}
	if err := b.SetRecord(true); err != nil {
		t.Fatal(err)
	}
	if e := nextEvent(t, events, session.RecordFailed); !strings.Contains(e.Text, "folder") {
		t.Errorf("told: %+v", e)
	}
	b.until(t, "it is off", func(s session.Snapshot) bool { return !s.RecordOn })
}

func TestCloseEndsARecordingInOrder(t *testing.T) {
	b := start(t, nil)
	if err := b.SetRecord(true); err != nil {
		t.Fatal(err)
	}
	b.until(t, "it records", func(s session.Snapshot) bool { return s.Recording != nil })
	r := b.engine.Recorder().Recording()
	b.close(t) // the recorder refuses to be closed under a recording
	select {
	case <-r.Done():
	default:
		t.Error("the recording goes on")
	}
}

func TestPastAndFuture(t *testing.T) {
	for name, end := range map[string]func(*bench, *testing.T){
		"the replay goes off": func(b *bench, t *testing.T) {
			if err := b.SetReplay(false); err != nil {
				t.Error(err)
			}
		},
		"the app ends": func(b *bench, t *testing.T) { b.close(t) },
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, share)
			b.until(t, "live", in(session.Live))
			b.PressAs(session.Ask{Seconds: 30, After: 500})
			s := b.until(t, "it waits", func(s session.Snapshot) bool {
				return s.LastSave != nil &&
					s.LastSave.Local == "waiting"
			})
			if wait := time.Until(s.LastSave.DueAt); wait < 400*time.Second || wait > 500*time.Second ||
				s.LastSave.Seconds != 530 {
				t.Errorf("it waits %v for %+v", wait, s.LastSave)
			}
			if len(b.engine.Publisher().Pressed()) != 0 {
				t.Error("the server was asked before the time")
			}
			end(b, t)
			files, err := filepath.Glob(filepath.Join(b.Snapshot().Folder, "*.mp4"))
			for deadline := time.Now().Add(20 * time.Second); len(files) == 0 && time.Now().Before(deadline); {
				b.until(t, "it is saved", func(s session.Snapshot) bool { return s.LastSave.Local != "waiting" })
				files, err = filepath.Glob(filepath.Join(b.Snapshot().Folder, "*.mp4"))
			}
			if err != nil || len(files) != 1 {
				t.Errorf("what was there is not saved: %q, %v", files, err)
			}
		})
	}
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	events, stop := b.Events()
	defer stop()
	before := time.Now()
	r, err := b.SaveAs(t.Context(), session.Ask{All: true, After: 0.2})
	if err != nil || r.Clip == nil || time.Since(before) < 200*time.Millisecond {
		t.Fatalf("%+v, %v", r, err)
	}
	if e := nextEvent(t, events, session.ServerSaved); e.Save.ServerSeconds < 60 {
		t.Errorf("the server was asked for %+v", e.Save)
	}
	if p := b.engine.Publisher().Pressed(); len(p) != 1 || p[0].Before(before.Add(200*time.Millisecond)) {
		t.Errorf("the server's clip ends at %v", p)
	}
}

func TestFilesAreNamedAfterTheFocusedProgram(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Clips.Name, c.Clips.Screenshot = "{app} {time}", "jpeg" })
	b.until(t, "replay", in(session.Buffering))
	path, err := b.Screenshot(context.Background())
	if err != nil || filepath.Base(path) != "Pong.jpeg" {
		t.Errorf("%q, %v", path, err)
	}
	c := b.Snapshot().Settings
	c.Clips.Name = "a/b"
	if r := b.apply(t, c); !r.Invalid || !strings.Contains(r.Text(), "clips.name") {
		t.Errorf("a name with a slash: %v", r)
	}
	c.Clips.Name, c.Clips.NoOverlap, c.Clips.QuotaGB = "", true, 3
	c.Hotkeys.Saves = []config.SaveKey{{Keys: "Ctrl+F1", After: 10}, {Keys: "Ctrl+F2", Seconds: 4}}
	if r := b.apply(t, c); !r.Invalid || !strings.Contains(r.Text(), "hotkeys.saves[1].seconds") {
		t.Errorf("4 seconds: %v", r)
	}
	c.Hotkeys.Saves = c.Hotkeys.Saves[:1]
	if r := b.apply(t, c); !r.InUse() {
		t.Fatal(r.Text())
	}
	b.until(t, "the recorder has them", func(session.Snapshot) bool {
		r := b.engine.Recorder().Config()
		return r.Continue && r.MaxClipBytes == 3e9 && r.ClipName == ""
	})
	if _, again, problems := config.Open(b.dir); len(problems) > 0 || again.Hotkeys.Saves[0].After != 10 ||
		again.Clips.QuotaGB != 3 {
		t.Errorf("after a restart: %+v %v", again, problems)
	}
}

// lateContext ends just when somebody asks whether it has.
type lateContext struct {
	context.Context
	ended chan struct{}
	once  sync.Once
}

func (c *lateContext) Done() <-chan struct{} { return c.ended }

func (c *lateContext) Err() error {
	err := context.DeadlineExceeded
	c.once.Do(func() {
		close(c.ended)
		err = nil
	})
	return err
}

// Screenshots that are given up at the moment when they could be taken leave nothing behind that keeps capture open.
func TestScreenshotsThatAreGivenUp(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	late := 0
	for range 40 { // which of the two comes first is chance
		if _, err := b.Screenshot(&lateContext{Context: t.Context(), ended: make(chan struct{})}); err != nil {
			late++
		}
	}
	require.Positive(t, late)
	require.NoError(t, b.SetReplay(false))
	b.until(t, "all is off", func(s session.Snapshot) bool { return s.State == session.Idle && s.Saving == 0 })
	require.Nil(t, b.engine.Recorder())
}
