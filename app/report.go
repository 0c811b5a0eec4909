package app

import (
	"fmt"
	"net/url"
	"os"
	osuser "os/user"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/diagnostics"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets/version"
	"github.com/hindsight-app/hindsight/capture"
)

// reportLines is how much of the log a report holds.
const reportLines = 200

// minPrivate is how long a title must be to be taken out wherever it stands: shorter ones are parts of other words.
const minPrivate = 4

// report is the text that "Copy diagnostics" copies.
func (a *App) report() string {
	s := a.session.Snapshot()
	lines := a.logged.Lines()
	sections := []diagnostics.Section{
		{Title: "State", Text: stateReport(s)},
		{Title: "Problems", Text: strings.Join(s.Problems, "\n")},
		{Title: "Settings that are not the default", Text: settingsReport(s.Settings)},
	}
	if crashes := a.logged.Crashes(); len(crashes) > 0 {
		sections = append(sections, diagnostics.Section{
			Title: "Last crash, " + crashes[0].At.Format("2006-01-02 15:04:05"), Text: crashes[0].Text})
	}
	sections = append(sections, diagnostics.Section{Title: "Log", Text: strings.Join(
		lines[max(len(lines)-reportLines, 0):], "\n")})
	return diagnostics.Report(version.String(), private(s), sections...)
}

// private are words that must not be in a report: titles of windows, rooms, servers, and who this is.
func private(s session.Snapshot) []string {
	words := []string{s.Settings.Video.Source.WindowTitle, s.Settings.Video.Source.WindowClass, s.Settings.Sharing.Room,
		s.Share.Room, s.Share.Identity, os.Getenv("HINDSIGHT_TOKEN")}
	if u, err := url.Parse(s.Settings.Sharing.BackendURL); err == nil {
		words = append(words, u.Hostname())
	}
	if u, err := osuser.Current(); err == nil && u.Username != "root" {
		words = append(words, u.Username)
	}
	if list, err := capture.Screens(s.Settings.Video.Backend); err == nil {
		for _, w := range list.Windows {
			words = append(words, w.Title)
		}
	}
	return slices.DeleteFunc(words, func(w string) bool { return len(w) < minPrivate || w == "Hindsight" })
}

func stateReport(s session.Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, replay %v, recording %v, sharing %v (%s, server %s), paused %v\n", s.State, s.ReplayOn,
		s.RecordOn, s.ShareOn, s.Share.State, s.Share.Recording, s.Paused)
	fmt.Fprintf(&b, "%.0f of %.0f s buffered, %d bytes\n", s.BufferedSeconds, s.ReplaySeconds, s.BufferedBytes)
	fmt.Fprintf(&b, "video %dx%d, %d FPS, %d kb/s, encoder %s, %d frames, %d dropped\n", s.Width, s.Height, s.FrameRate,
		s.BitrateKbps, s.Encoder, s.Frames, s.Dropped)
	fmt.Fprintf(&b, "screen %s, desktop audio %s, microphone %s\n", s.Screen.State, s.Desktop.State, s.Mic.State)
	for _, h := range s.Hotkeys {
		fmt.Fprintf(&b, "hotkey %s: %s, active %v\n", h.Name, h.Keys, h.Active)
	}
	return b.String()
}

// unsaid are settings of which a report says only that they are set.
var unsaid = []string{"video.source.window_class", "video.source.window_title", "sharing.backend_url", "sharing.room",
	"replay.folder", "clips.name"}

func settingsReport(c config.Config) string {
	var b strings.Builder
	for _, s := range c.Settings() {
		value, normal := s.Text(), config.Setting{Value: s.Default}.Text()
		if value == normal {
			continue
		}
		if slices.Contains(unsaid, s.Key) {
			value = "set"
		}
		fmt.Fprintf(&b, "%s = %s\n", s.Key, value)
	}
	return b.String()
}
