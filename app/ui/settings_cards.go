package ui

import (
	"fmt"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// videoCard is how the video is encoded.
type videoCard struct {
	fields
	rate, height, quality, spend *widget.Select
	bitrate                      *widget.Entry
	cursor, follow               *widget.Check
}

func newVideoCard(s *settings) *videoCard {
	v := &videoCard{fields: fields{s: s}}
	f := &v.fields
	heights := []int{0, 480, 720, 900, 1080, 1440, 2160}
	var names []string
	for _, h := range heights {
		names = append(names, heightName(h))
	}
	v.rate = pick(f, "video.frame_rate", []int{30, 60}, []string{"30", "60"},
		func(c *config.Config) *int { return &c.Video.FrameRate })
	v.height = pick(f, "video.height", heights, names, func(c *config.Config) *int { return &c.Video.Height })
	v.follow = f.check("Window size", "Follow the window's size",
		func(c *config.Config) *bool { return &c.Video.FollowSize })
	f.note("A resized window then changes the size within a clip, which some video editors and chats can't show.")
	v.quality = pick(f, "video.quality", []string{"performance", "balanced", "quality"},
		[]string{"Performance", "Balanced", "Quality"},
		func(c *config.Config) *string { return &c.Video.Quality })
	v.spend = pick(f, "video.constant_quality", []int{0, 18, 23, 28},
		[]string{"Target bitrate", "CQ 18 (high)", "CQ 23", "CQ 28 (small files)"},
		func(c *config.Config) *int { return &c.Video.ConstantQuality })
	v.bitrate = f.number("video.bitrate_kbps", "Automatic", "Enter a number of kb/s, or nothing for automatic",
		func(c *config.Config) *int { return &c.Video.BitrateKbps })
	v.cursor = f.check("Cursor", "Capture cursor", func(c *config.Config) *bool { return &c.Video.Cursor })
	f.card("Video")
	return v
}

func heightName(h int) string {
	if h == 0 {
		return "Native"
	}
	return fmt.Sprintf("%dp", h)
}

// replayCard is the local buffer.
type replayCard struct {
	fields
	seconds, folder *widget.Entry
}

func newReplayCard(s *settings) *replayCard {
	r := &replayCard{fields: fields{s: s}}
	f := &r.fields
	r.seconds = f.number("replay.seconds", "", "Enter a number of seconds, 5 to 1200",
		func(c *config.Config) *int { return &c.Replay.Seconds })
	r.folder = s.newEntry("")
	browse := widget.NewButtonWithIcon("", theme.FolderOpenIcon(), r.browse)
	at := f.setting("replay.folder", container.NewBorder(nil, nil, nil, browse, r.folder))
	f.bind(at, func(c config.Config) {
		r.folder.SetText(c.Replay.Folder)
		r.folder.SetPlaceHolder(c.ClipFolder())
	}, func(c *config.Config) error {
		c.Replay.Folder = trimmed(r.folder)
		return nil
	})
	f.check("On launch", "Start replay buffer on launch", func(c *config.Config) *bool { return &c.Replay.AtLaunch })
	f.check("Crash recovery", "Back up buffer to disk", func(c *config.Config) *bool { return &c.Replay.KeepAfterCrash })
	pick(f, "replay.when_locked", config.WhenLockedAll, []string{"Pause (keep buffer)", "Keep recording"},
		func(c *config.Config) *config.WhenLocked { return &c.Replay.WhenLocked })
	f.card("Replay buffer")
	return r
}

// browse chooses the folder, starting at the one that is entered or used now, or the nearest above it that is there.
func (r *replayCard) browse() {
	at := trimmed(r.folder)
	if at == "" {
		at = r.s.loaded.ClipFolder()
	}
	d := dialog.NewFolderOpen(func(at fyne.ListableURI, err error) {
		if err == nil && at != nil {
			r.folder.SetText(at.Path())
		}
	}, r.s.u.window)
	d.SetTitleText("Save clips to")
	d.SetConfirmText("Choose")
	for ; filepath.IsAbs(at); at = filepath.Dir(at) {
		folder, err := storage.ListerForURI(storage.NewFileURI(at))
		if err == nil {
			d.SetLocation(folder)
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	r.s.u.ask(d)
	d.Resize(fyne.NewSize(760, 520))
}

// clipsCard is how clips are named and kept.
type clipsCard struct {
	fields
	name, quota     *widget.Entry
	overlap, poster *widget.Check
	format          *widget.Select
}

func newClipsCard(s *settings) *clipsCard {
	k := &clipsCard{fields: fields{s: s}}
	f := &k.fields
	k.name = f.text("clips.name", clip.DefaultName, func(c *config.Config) *string { return &c.Clips.Name })
	f.note("Placeholders: {date}, {time}, {app} (the focused app) and {seconds}.")
	k.quota = f.number("clips.quota_gb", "No limit", "Enter a whole number of GB, or nothing for no limit",
		func(c *config.Config) *int { return &c.Clips.QuotaGB })
	f.note("Oldest unstarred clips are deleted first. Files that Hindsight didn't make stay.")
	k.overlap = f.check("Overlap", "Avoid overlap", func(c *config.Config) *bool { return &c.Clips.NoOverlap })
	f.note("A clip then starts where the previous one ended.")
	k.poster = f.check("Thumbnail", "Save thumbnail next to clip",
		func(c *config.Config) *bool { return &c.Clips.Poster })
	k.format = pick(f, "clips.screenshot", []string{"png", "jpeg"}, []string{"PNG (lossless)", "JPEG (small files)"},
		func(c *config.Config) *string { return &c.Clips.Screenshot })
	f.card("Clips")
	return k
}

// sharingCard is backend, room and token.
type sharingCard struct {
	fields
	url, token, room *widget.Entry
	plain            *widget.Check
	warning          *widget.Label
}

func newSharingCard(s *settings) *sharingCard {
	h := &sharingCard{fields: fields{s: s}}
	f := &h.fields
	h.url = f.text("sharing.backend_url", "https://replay.example.com",
		func(c *config.Config) *string { return &c.Sharing.BackendURL })
	h.plain = f.check("", "Allow http:// to another computer",
		func(c *config.Config) *bool { return &c.Sharing.AllowHTTP })
	h.warning = f.note("Not encrypted: anyone on the way to the server can read your access token. " +
		"Use https:// if you can.")
	h.token = s.newEntry("Unchanged (kept in the system's keyring)")
	h.token.Password = true
	f.setting(tokenKey, h.token)
	h.room = f.text("sharing.room", "Name of the LiveKit room", func(c *config.Config) *string { return &c.Sharing.Room })
	pick(f, "sharing.stream_quality", config.StreamQualities, []string{"Same as replay", "Lower (slow upload)"},
		func(c *config.Config) *config.StreamQuality { return &c.Sharing.StreamQuality })
	f.check("On launch", "Start sharing on launch", func(c *config.Config) *bool { return &c.Sharing.AtLaunch })
	f.card("Sharing")
	return h
}

// warn puts weight on the warning while it matters.
func (h *sharingCard) warn() {
	how := widget.LowImportance
	if h.plain.Checked {
		how = widget.WarningImportance
	}
	if h.warning.Importance != how {
		h.warning.Importance = how
		h.warning.Refresh()
	}
}

// newToken is the token entered, if any.
func (h *sharingCard) newToken() (string, bool) {
	t := trimmed(h.token)
	return t, t != ""
}

// appCard is the app itself.
type appCard struct {
	fields
	look  *widget.Select
	login *widget.Check
}

func newAppCard(s *settings) *appCard {
	a := &appCard{fields: fields{s: s}}
	f := &a.fields
	f.check("Notifications", "Show notifications (errors are always shown)",
		func(c *config.Config) *bool { return &c.App.Notifications })
	f.check("Sound", "Play a sound when a clip is saved", func(c *config.Config) *bool { return &c.App.SaveSound })
	a.login = f.check("Startup", "Start at login", func(c *config.Config) *bool { return &c.App.StartAtLogin })
	a.look = pick(f, "app.theme", config.Themes, []string{"System", "Light", "Dark"},
		func(c *config.Config) *config.Theme { return &c.App.Theme })
	f.card("General")
	return a
}
