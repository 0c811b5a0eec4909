package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets/manual"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
)

type commands struct {
	JSON    bool             `name:"json" help:"Print JSON."`
	Version kong.VersionFlag `name:"version" help:"Print the version and exit."`
	manual.Flags

	Status   statusCmd   `cmd:"" help:"Show status."`
	Save     saveCmd     `cmd:"" help:"Save the replay and print the clip's path."`
	Share    toggleCmd   `cmd:"" help:"Start or stop sharing."`
	Replay   toggleCmd   `cmd:"" help:"Turn the replay buffer on or off."`
	Record   recordCmd   `cmd:"" help:"Start or stop recording."`
	Mark     markCmd     `cmd:"" help:"Add a marker, which becomes a chapter of the clips that contain it."`
	Shot     shotCmd     `cmd:"" name:"screenshot" help:"Take a screenshot and print its path."`
	Pause    pauseCmd    `cmd:"" help:"Pause: nothing is captured, kept or shared until you resume."`
	Resume   resumeCmd   `cmd:"" help:"Resume what pause has paused."`
	Mute     muteCmd     `cmd:"" help:"Mute or unmute an audio source."`
	Talk     switchCmd   `cmd:"" help:"Press or release push-to-talk, for desktops without global hotkeys."`
	Devices  devicesCmd  `cmd:"" help:"List audio devices. Hindsight need not be running."`
	Screens  screensCmd  `cmd:"" help:"List the monitors and windows that can be captured. Hindsight need not be running."`
	Clips    clipsCmd    `cmd:"" help:"List saved clips, or those on the server. Hindsight need not be running for the former."`
	Trim     trimCmd     `cmd:"" help:"Save part of a clip as a new clip, exact to the frame and without re-encoding. Hindsight need not be running."`
	Join     joinCmd     `cmd:"" help:"Save several clips as one, without re-encoding their video. Hindsight need not be running."`
	Storage  storageCmd  `cmd:"" help:"Show where clips are and what takes how much, or move them. Hindsight need not be running."`
	Export   exportCmd   `cmd:"" help:"Make a file to send: fitted to a size, scaled, vertical, GIF, WebP or audio alone. Hindsight need not be running."`
	Star     starCmd     `cmd:"" help:"Star a clip, which protects it from the storage limit, or remove its star. Hindsight need not be running."`
	Link     linkCmd     `cmd:"" help:"Create a share link to a clip and print it. A clip that is not on the server is uploaded first."`
	Links    linksCmd    `cmd:"" help:"List share links, which can be revoked but not read again."`
	Unlink   unlinkCmd   `cmd:"" help:"Revoke a share link: it stops working at once."`
	Watch    watchesCmd  `cmd:"" name:"watch-link" help:"Links with which everybody can rewind what you share now: create one, list them, revoke one. They never show a later share."`
	Upload   uploadCmd   `cmd:"" help:"Upload a clip to the server and print its id there. It goes on in the background if this command is ended."`
	Download downloadCmd `cmd:"" help:"Download a clip from the server into the clip folder and print its path."`
	Queue    queueCmd    `cmd:"" name:"transfers" help:"List the uploads and downloads that are not done; cancel one, or try it again."`
	Team     teamCmd     `cmd:"" help:"Open the team's page in the browser with a code to sign in: what runs, clips and links of the team."`
	Accept   acceptCmd   `cmd:"" help:"Accept an invitation to a team's server: get a token and store it."`
	Doctor   doctorCmd   `cmd:"" help:"Check everything that capture needs. Hindsight need not be running."`
	Settings settingsCmd `cmd:"" help:"Show or change settings. Hindsight need not be running."`
	Choose   plainCmd    `cmd:"" name:"choose-screen" help:"Choose the captured screen again in the desktop's dialog (Wayland)."`
	Show     showCmd     `cmd:"" help:"Show the window, at a page if one is named."`
	Quit     plainCmd    `cmd:"" help:"Quit Hindsight."`
}

// AfterApply tells commands that share a type which of them they are.
func (c *commands) AfterApply() error {
	c.Share.command, c.Replay.command = control.Share, control.Replay
	c.Talk.command = control.Talk
	c.Choose.command, c.Quit.command = control.Choose, control.Quit
	return nil
}

func call(ctx context.Context, r control.Request, out any) error {
	return control.Call(ctx, control.Dir(), r, out)
}

type statusCmd struct{}

func (statusCmd) Run(ctx context.Context, out *output) error {
	var s session.Snapshot
	if err := call(ctx, control.Request{Command: control.Status}, &s); err != nil {
		return err
	}
	return out.print(s, func(w io.Writer) {
		fmt.Fprintf(w, "state      %s%s\n", s.State, pausedBy(s.Wanted))
		fmt.Fprintf(w, "replay     %s, %.0f of %.0f s\n", onOff(s.ReplayOn), s.BufferedSeconds, s.ReplaySeconds)
		if s.Recording != nil {
			fmt.Fprintf(w, "recording  %.0f s, %.1f MB, %s\n", s.Recording.Seconds, float64(s.Recording.Bytes)/1e6,
				s.Recording.Path)
		}
		fmt.Fprintf(w, "sharing    %s%s\n", s.Share.State, in(s.Share.Room))
		if s.Share.NotRecorded != "" {
			fmt.Fprintf(w, "server     %s\n", s.Share.NotRecorded)
		} else {
			fmt.Fprintf(w, "server     %s, %.0f s\n", s.Share.Recording, s.Share.ServerSeconds)
		}
		fmt.Fprintf(w, "video      %d x %d, %d FPS, %d kb/s, %s\n", s.Width, s.Height, s.FrameRate, s.BitrateKbps, s.Encoder)
		fmt.Fprintf(w, "desktop    %s\n", sourceLine(s.Desktop))
		fmt.Fprintf(w, "microphone %s\n", sourceLine(s.Mic))
		for _, h := range s.Hotkeys {
			if h.Active {
				fmt.Fprintf(w, "hotkey     %s: %s\n", h.Keys, h.Purpose)
			} else if h.Keys != "" {
				fmt.Fprintf(w, "hotkey     %s: %s (not working)\n", h.Keys, h.Purpose)
			}
		}
		for _, p := range s.Problems {
			fmt.Fprintf(w, "problem    %s\n", p)
		}
	})
}

// pausedBy says that nothing is captured, and why.
func pausedBy(w session.Wanted) string {
	if !w.Paused {
		return ""
	}
	return ", paused (" + pauseReason(w.PausedBy) + ")"
}

func pauseReason(by session.Pauser) string {
	switch by {
	case session.PausedByUser:
		return "by you"
	case session.PausedAsleep:
		return "computer asleep"
	}
	return "screen locked"
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func in(room string) string {
	if room == "" {
		return ""
	}
	return " in " + room
}

func sourceLine(s session.SourceStatus) string {
	parts := []string{s.State.String()}
	if s.Muted {
		parts = append(parts, "muted")
	} else if s.Closed {
		parts = append(parts, "waiting for push-to-talk")
	}
	if s.State == media.Running {
		parts = append(parts, fmt.Sprintf("%.0f dB", s.PeakDB), s.Device)
	}
	return strings.Join(parts, ", ")
}

type saveCmd struct {
	Length  float64 `arg:"" optional:"" name:"seconds" help:"How many seconds to save, like --seconds."`
	Seconds float64 `placeholder:"SECONDS" help:"How many seconds to save. Default: the replay buffer's length." xor:"length"`
	All     bool    `help:"Save everything in the buffer." xor:"length"`
	After   float64 `placeholder:"SECONDS" help:"Also save this many seconds after now; the command waits for them."`
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c saveCmd) Validate() error {
	if !(c.Length >= 0) || math.IsInf(c.Length, 0) { // nor is NaN
		return fmt.Errorf("the length is %g seconds; it must be more than 0", c.Length)
	}
	if c.Length > 0 && (c.Seconds > 0 || c.All) {
		return errors.New("give the length once: as a number, with --seconds or with --all")
	}
	if !(c.Seconds >= 0) || math.IsInf(c.Seconds, 0) { // nor is NaN
		return fmt.Errorf("--seconds is %g; it must be more than 0", c.Seconds)
	}
	if !(c.After >= 0) || math.IsInf(c.After, 0) {
		return fmt.Errorf("--after is %g; it must be 0 or more", c.After)
	}
	return nil
}

func (c saveCmd) Run(ctx context.Context, out *output) error {
	var r session.SaveRecord
	if err := call(ctx, control.Request{
		Command: control.Save, Seconds: max(c.Seconds, c.Length), All: c.All, After: c.After,
	}, &r); err != nil {
		return err
	}
	return out.print(r, func(w io.Writer) {
		if r.Clip != nil {
			fmt.Fprintln(w, r.Clip.Path)
			return
		}
		fmt.Fprintf(w, "The server saves it as clip %s.\n", r.ClipID)
	})
}

type switchCmd struct {
	On      string `arg:"" name:"state" enum:"on,off" help:"Either on or off."`
	command string
}

func (c switchCmd) Run(ctx context.Context, out *output) error {
	if err := call(ctx, control.Request{Command: c.command, On: c.On == "on"}, nil); err != nil {
		return err
	}
	return out.print(map[string]any{"ok": true}, nil)
}

type toggleCmd struct {
	On      string `arg:"" name:"state" enum:"on,off,toggle" help:"on starts, off stops, toggle switches it."`
	command string
}

func (c toggleCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: c.command, On: c.On == "on", Toggle: c.On == "toggle"}, nil))
}

type pauseCmd struct{}

// Help implements kong's: what is paused is a matter of privacy.
func (pauseCmd) Help() string {
	return "What happens while it is paused is in no clip, no recording and no replay on the server. The replay buffer " +
		"keeps what it has, a recording waits, and viewers see the last frame and hear nothing; links to watch show a " +
		"gap. Turning on the replay buffer, sharing or recording, where it was off, resumes, too."
}

func (pauseCmd) Run(ctx context.Context, out *output) error {
	var a control.PauseAnswer
	if err := call(ctx, control.Request{Command: control.Pause, On: true}, &a); err != nil {
		return err
	}
	return out.print(a, nil)
}

type resumeCmd struct{}

// Help implements kong's.
func (resumeCmd) Help() string {
	return "On a locked screen nothing is captured until it is unlocked, unless replay.when_locked says otherwise."
}

func (resumeCmd) Run(ctx context.Context, out *output) error {
	var a control.PauseAnswer
	if err := call(ctx, control.Request{Command: control.Pause}, &a); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) {
		if a.Paused {
			fmt.Fprintf(w, "Still paused (%s).\n", pauseReason(session.Pauser(a.By)))
		}
	})
}

type muteCmd struct {
	Source string `arg:"" enum:"mic,desktop" help:"Either mic or desktop."`
	On     string `arg:"" name:"state" enum:"on,off,toggle" default:"on" help:"on mutes, off unmutes, toggle switches it."`
}

func (c muteCmd) Run(ctx context.Context, out *output) error {
	if err := call(ctx, control.Request{Command: control.Mute, Source: c.Source, On: c.On == "on",
		Toggle: c.On == "toggle"}, nil); err != nil {
		return err
	}
	return out.print(map[string]any{"ok": true}, nil)
}

type linkCmd struct {
	Path string `arg:"" optional:"" name:"clip" type:"clip" help:"The clip's file, or the id of a clip on the server. Default: the newest clip that is on the server."`
}

func (c linkCmd) Run(ctx context.Context, out *output) error {
	var a control.LinkAnswer
	if err := call(ctx, control.Request{Command: control.Link, Path: c.Path}, &a); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) { fmt.Fprintln(w, a.URL) })
}

type plainCmd struct{ command string }

func (c plainCmd) Run(ctx context.Context, out *output) error {
	if err := call(ctx, control.Request{Command: c.command}, nil); err != nil {
		return err
	}
	return out.print(map[string]any{"ok": true}, nil)
}

type showCmd struct {
	Page string `arg:"" optional:"" help:"The page: home, clips, settings, settings/audio, settings/video, settings/replay, settings/hotkeys, settings/storage, settings/sharing, settings/general, log or first-run. Default: the one last shown."`
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c showCmd) Validate() error { return control.CheckPage(c.Page) }

func (c showCmd) Run(ctx context.Context, out *output) error {
	var a control.ShowAnswer
	if err := call(ctx, control.Request{Command: control.Show, Text: c.Page}, &a); err != nil {
		return err
	}
	return out.print(a, nil)
}

type devicesCmd struct{}

func (devicesCmd) Run(ctx context.Context, out *output) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := capture.Devices(ctx)
	if err != nil {
		return errors.New(session.Words(err))
	}
	return out.print(list, func(w io.Writer) {
		section := func(name string, devices []capture.Device) {
			fmt.Fprintln(w, name)
			for _, d := range devices {
				mark := " "
				if d.Default {
					mark = "*"
				}
				fmt.Fprintf(w, "  %s %s (%s)\n", mark, d.Name, d.ID)
			}
		}
		section("Desktop audio", list.Desktop)
		section("Microphones", list.Microphones)
		section("Apps playing audio", list.Applications)
	})
}

type screensCmd struct{}

func (screensCmd) Run(out *output) error {
	_, cfg, _ := config.Open(config.Dir())
	list, err := capture.Screens(cfg.Video.Backend)
	if err != nil {
		return errors.New(session.Words(err))
	}
	return out.print(list, func(w io.Writer) {
		fmt.Fprintf(w, "screen %s, %d x %d\n", list.Display, list.Width, list.Height)
		for _, m := range list.Monitors {
			mark := " "
			if m.Primary {
				mark = "*"
			}
			fmt.Fprintf(w, "monitor %s %s, %d x %d at %d,%d\n", mark, m.Name, m.Width, m.Height, m.X, m.Y)
		}
		for _, x := range list.Windows {
			fmt.Fprintf(w, "window    %s: %s\n", x.Class, x.Title)
		}
	})
}

type clipsCmd struct {
	Server bool `help:"List the clips on the server. Hindsight has to be running."`
}

func (c clipsCmd) Run(ctx context.Context, out *output) error {
	if c.Server {
		return serverClips(ctx, out)
	}
	_, cfg, _ := config.Open(config.Dir())
	list, err := clip.List(cfg.ClipFolder())
	if err != nil {
		return err
	}
	if list == nil {
		list = []clip.Clip{}
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintf(w, "No clips in %s.\n", cfg.ClipFolder())
		}
		for _, c := range list {
			star := " "
			if c.Starred {
				star = "*"
			}
			fmt.Fprintf(w, "%s %s  %7.1f s  %7.1f MB  %s\n", star, c.Created.Local().Format(time.DateTime), c.Seconds,
				float64(c.Bytes)/1e6, c.Path)
		}
	})
}
