package ui

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// videoCard is the picture.
type videoCard struct {
	fields
	rate, height, quality, spend *widget.Select
	bitrate                      *widget.Entry
	cursor                       *widget.Check
}

func newVideoCard(s *settings) *videoCard {
	v := &videoCard{fields: fields{s: s}}
	f := &v.fields
	heights := []int{0, 480, 720, 900, 1080, 1440, 2160}
	var names []string
	for _, h := range heights {
		names = append(names, heightName(h))
	}
	v.rate = pick(f, "Frames a second", []int{30, 60}, []string{"30", "60"}, func(c *config.Config) *int { return &c.Video.FrameRate })
	v.height = pick(f, "Size", heights, names, func(c *config.Config) *int { return &c.Video.Height })
	v.quality = pick(f, "Quality", []string{"performance", "balanced", "quality"}, []string{"Performance", "Balanced", "Quality"},
		func(c *config.Config) *string { return &c.Video.Quality })
	v.spend = pick(f, "Rate control", []int{0, 18, 23, 28},
		[]string{"Spend the bitrate", "Constant quality, very good", "Constant quality, good", "Constant quality, small"},
		func(c *config.Config) *int { return &c.Video.ConstantQuality })
	v.bitrate = f.number("Bitrate (kb/s)", "automatic", "the bitrate must be a number of kb/s, or empty for automatic",
		func(c *config.Config) *int { return &c.Video.BitrateKbps })
	v.cursor = f.check("Pointer", "Show the pointer in the picture", func(c *config.Config) *bool { return &c.Video.Cursor })
	f.card("Picture")
	return v
}

func heightName(h int) string {
	if h == 0 {
		return "As on the screen"
	}
	return fmt.Sprintf("%d rows", h)
}

// replayCard is the local buffer.
type replayCard struct {
	fields
	seconds, folder *widget.Entry
}

func newReplayCard(s *settings) *replayCard {
	r := &replayCard{fields: fields{s: s}}
	f := &r.fields
	r.seconds = f.number("Length (seconds)", "", "the replay length must be a number of seconds, 5 to 1200",
		func(c *config.Config) *int { return &c.Replay.Seconds })
	r.folder = s.newEntry("")
	browse := widget.NewButtonWithIcon("", theme.FolderOpenIcon(), func() {
		dialog.ShowFolderOpen(func(at fyne.ListableURI, err error) {
			if err == nil && at != nil {
				r.folder.SetText(at.Path())
			}
		}, s.u.window)
	})
	f.row("Folder for clips", container.NewBorder(nil, nil, nil, browse, r.folder))
	f.bind(func(c config.Config) {
		r.folder.SetText(c.Replay.Folder)
		r.folder.SetPlaceHolder(c.ClipFolder())
	}, func(c *config.Config) error {
		c.Replay.Folder = trimmed(r.folder)
		return nil
	})
	f.check("At launch", "Turn the replay on when Hindsight starts", func(c *config.Config) *bool { return &c.Replay.AtLaunch })
	f.check("After a crash", "Keep a copy on disk, and save it at the next start", func(c *config.Config) *bool { return &c.Replay.KeepAfterCrash })
	pick(f, "Screen locked", []string{"pause", "record"}, []string{"Pause replay and recordings; what was before stays", "Go on"},
		func(c *config.Config) *string { return &c.Replay.WhenLocked })
	f.card("Replay")
	return r
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
	k.name = f.text("File name", clip.DefaultName, func(c *config.Config) *string { return &c.Clips.Name })
	f.note("{date}, {time}, {app} (the focused window's program) and {seconds} stand for what they say.")
	k.quota = f.number("Keep at most (GB)", "no limit: nothing is ever deleted", "what clips may take must be a whole number of GB, or empty for no limit",
		func(c *config.Config) *int { return &c.Clips.QuotaGB })
	f.note("Then the oldest clips without a star go. Only files that Hindsight made.")
	k.overlap = f.check("Overlap", "Start a clip where the one before it ended", func(c *config.Config) *bool { return &c.Clips.NoOverlap })
	k.poster = f.check("Pictures", "Also put a picture of the clip beside it", func(c *config.Config) *bool { return &c.Clips.Poster })
	k.format = pick(f, "Screenshots", []string{"png", "jpeg"}, []string{"PNG: every pixel as it is", "JPEG: small files"},
		func(c *config.Config) *string { return &c.Clips.Screenshot })
	f.card("Clips")
	return k
}

// sharingCard is backend, room and token.
type sharingCard struct {
	fields
	url, token, room *widget.Entry
}

func newSharingCard(s *settings) *sharingCard {
	h := &sharingCard{fields: fields{s: s}}
	f := &h.fields
	h.url = f.text("Backend", "https://replay.example.com", func(c *config.Config) *string { return &c.Sharing.BackendURL })
	h.token = s.newEntry("unchanged; kept in the system's keyring")
	h.token.Password = true
	f.row("Your token", h.token)
	h.room = f.text("Room", "name of the LiveKit room", func(c *config.Config) *string { return &c.Sharing.Room })
	pick(f, "Stream quality", []string{"same", "lower"}, []string{"Same as the replay", "Lower, for a poor upload"},
		func(c *config.Config) *string { return &c.Sharing.StreamQuality })
	f.check("At launch", "Start sharing when Hindsight starts", func(c *config.Config) *bool { return &c.Sharing.AtLaunch })
	f.card("Sharing")
	return h
}

// newToken is the token entered, if any.
func (h *sharingCard) newToken() (string, bool) {
	t := trimmed(h.token)
	return t, t != ""
}

// appCard is the app itself.
type appCard struct {
	fields
	look *widget.Select
}

func newAppCard(s *settings) *appCard {
	a := &appCard{fields: fields{s: s}}
	f := &a.fields
	f.check("Notifications", "Show a notification after a save", func(c *config.Config) *bool { return &c.App.Notifications })
	f.check("Sound", "Play a short sound after a save", func(c *config.Config) *bool { return &c.App.SaveSound })
	a.look = pick(f, "Appearance", []string{"system", "light", "dark"}, []string{"Like the system", "Light", "Dark"},
		func(c *config.Config) *string { return &c.App.Theme })
	f.card("App")
	return a
}
