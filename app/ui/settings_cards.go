package ui

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
)

// videoCard is the picture.
type videoCard struct {
	rate, quality, height *widget.Select
	spend                 *widget.Select
	bitrate               *widget.Entry
	cursor                *widget.Check
	root                  fyne.CanvasObject
}

var heights = []int{0, 480, 720, 900, 1080, 1440, 2160}

// spends are the constant qualities to choose from, with their names.
var (
	spends     = []int{0, 18, 23, 28}
	spendNames = []string{"Spend the bitrate", "Constant quality, very good", "Constant quality, good", "Constant quality, small"}
)

var qualities = []string{"performance", "balanced", "quality"}

func newVideoCard(s *settings) *videoCard {
	c := &videoCard{
		rate: s.newSelect("30", "60"), quality: s.newSelect("Performance", "Balanced", "Quality"),
		spend: s.newSelect(spendNames...), bitrate: s.newEntry("automatic"), cursor: s.newCheck("Show the pointer in the picture"),
	}
	var names []string
	for _, h := range heights {
		names = append(names, heightName(h))
	}
	c.height = s.newSelect(names...)
	c.root = card("Picture", form(
		label("Frames a second"), c.rate,
		label("Size"), c.height,
		label("Quality"), c.quality,
		label("Rate control"), c.spend,
		label("Bitrate (kb/s)"), c.bitrate,
		label("Pointer"), c.cursor,
	))
	return c
}

func heightName(h int) string {
	if h == 0 {
		return "As on the screen"
	}
	return fmt.Sprintf("%d rows", h)
}

func (c *videoCard) content() fyne.CanvasObject { return c.root }

func (c *videoCard) load(cfg config.Config) {
	c.rate.SetSelected(strconv.Itoa(cfg.Video.FrameRate))
	c.height.SetSelected(heightName(cfg.Video.Height))
	for i, q := range qualities {
		if q == cfg.Video.Quality {
			c.quality.SetSelectedIndex(i)
		}
	}
	text := ""
	if cfg.Video.BitrateKbps > 0 {
		text = strconv.Itoa(cfg.Video.BitrateKbps)
	}
	c.bitrate.SetText(text)
	c.spend.SetSelectedIndex(max(slices.Index(spends, cfg.Video.ConstantQuality), 0))
	c.cursor.SetChecked(cfg.Video.Cursor)
}

func (c *videoCard) store(cfg *config.Config) error {
	cfg.Video.FrameRate, _ = strconv.Atoi(c.rate.Selected) // only numbers can be chosen
	cfg.Video.Height = heights[max(c.height.SelectedIndex(), 0)]
	cfg.Video.Quality = qualities[max(c.quality.SelectedIndex(), 0)]
	cfg.Video.ConstantQuality = spends[max(c.spend.SelectedIndex(), 0)]
	cfg.Video.Cursor = c.cursor.Checked
	cfg.Video.BitrateKbps = 0
	if text := trimmed(c.bitrate); text != "" && !strings.EqualFold(text, "automatic") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("the bitrate must be a number of kb/s, or empty for automatic")
		}
		cfg.Video.BitrateKbps = n
	}
	return nil
}

// whenLocked is what may happen while the screen is locked, in the order of the choices.
var whenLocked = []string{"pause", "record"}

// replayCard is the local buffer.
type replayCard struct {
	seconds, folder *widget.Entry
	atLaunch, keep  *widget.Check
	locked          *widget.Select
	root            fyne.CanvasObject
}

func newReplayCard(s *settings) *replayCard {
	c := &replayCard{
		seconds: s.newEntry("60"), folder: s.newEntry("Videos/Hindsight"),
		atLaunch: s.newCheck("Turn the replay on when Hindsight starts"),
		keep:     s.newCheck("Keep a copy on disk, and save it at the next start"),
	}
	c.locked = s.newSelect("Pause, and keep what was before", "Go on")
	browse := widget.NewButtonWithIcon("", theme.FolderOpenIcon(), func() {
		dialog.ShowFolderOpen(func(at fyne.ListableURI, err error) {
			if err == nil && at != nil {
				c.folder.SetText(at.Path())
			}
		}, s.u.window)
	})
	c.root = card("Replay", form(
		label("Length (seconds)"), c.seconds,
		label("Folder for clips"), container.NewBorder(nil, nil, nil, browse, c.folder),
		label("At launch"), c.atLaunch,
		label("After a crash"), c.keep,
		label("Screen locked"), c.locked,
	))
	return c
}

func (c *replayCard) content() fyne.CanvasObject { return c.root }

func (c *replayCard) load(cfg config.Config) {
	c.seconds.SetText(strconv.Itoa(cfg.Replay.Seconds))
	c.folder.SetText(cfg.Replay.Folder)
	c.folder.SetPlaceHolder(cfg.ClipFolder())
	c.atLaunch.SetChecked(cfg.Replay.AtLaunch)
	c.keep.SetChecked(cfg.Replay.KeepAfterCrash)
	c.locked.SetSelectedIndex(max(slices.Index(whenLocked, cfg.Replay.WhenLocked), 0))
}

func (c *replayCard) store(cfg *config.Config) error {
	n, err := strconv.Atoi(trimmed(c.seconds))
	if err != nil {
		return errors.New("the replay length must be a number of seconds, 5 to 1200")
	}
	cfg.Replay.Seconds, cfg.Replay.Folder, cfg.Replay.AtLaunch = n, trimmed(c.folder), c.atLaunch.Checked
	cfg.Replay.KeepAfterCrash = c.keep.Checked
	cfg.Replay.WhenLocked = whenLocked[max(c.locked.SelectedIndex(), 0)]
	return nil
}

var streams = []string{"same", "lower"}

// sharingCard is backend, room and token.
type sharingCard struct {
	url, room, token *widget.Entry
	stream           *widget.Select
	atLaunch         *widget.Check
	root             fyne.CanvasObject
}

func newSharingCard(s *settings) *sharingCard {
	c := &sharingCard{url: s.newEntry("https://replay.example.com"), room: s.newEntry("name of the LiveKit room"), atLaunch: s.newCheck("Start sharing when Hindsight starts")}
	c.stream = s.newSelect("Same as the replay", "Lower, for a poor upload")
	c.token = widget.NewPasswordEntry()
	c.token.SetPlaceHolder("unchanged; kept in the system's keyring")
	c.token.OnChanged = func(string) { s.changed() }
	c.root = card("Sharing", form(
		label("Backend"), c.url,
		label("Your token"), c.token,
		label("Room"), c.room,
		label("Stream quality"), c.stream,
		label("At launch"), c.atLaunch,
	))
	return c
}

func (c *sharingCard) content() fyne.CanvasObject { return c.root }

func (c *sharingCard) load(cfg config.Config) {
	c.url.SetText(cfg.Sharing.BackendURL)
	c.room.SetText(cfg.Sharing.Room)
	c.stream.SetSelectedIndex(max(slices.Index(streams, cfg.Sharing.StreamQuality), 0))
	c.token.SetText("")
	c.atLaunch.SetChecked(cfg.Sharing.AtLaunch)
}

func (c *sharingCard) store(cfg *config.Config) error {
	cfg.Sharing.BackendURL, cfg.Sharing.Room, cfg.Sharing.AtLaunch = trimmed(c.url), trimmed(c.room), c.atLaunch.Checked
	cfg.Sharing.StreamQuality = streams[max(c.stream.SelectedIndex(), 0)]
	return nil
}

// newToken is the token entered, if any.
func (c *sharingCard) newToken() (string, bool) {
	t := trimmed(c.token)
	return t, t != ""
}

// appCard is the app itself.
type appCard struct {
	notify, sound *widget.Check
	look          *widget.Select
	root          fyne.CanvasObject
}

var looks = []string{"system", "light", "dark"}

func newAppCard(s *settings) *appCard {
	c := &appCard{notify: s.newCheck("Show a notification after a save"), sound: s.newCheck("Play a short sound after a save"), look: s.newSelect("Like the system", "Light", "Dark")}
	c.root = card("App", form(label("Notifications"), c.notify, label("Sound"), c.sound, label("Appearance"), c.look))
	return c
}

func (c *appCard) content() fyne.CanvasObject { return c.root }

func (c *appCard) load(cfg config.Config) {
	c.notify.SetChecked(cfg.App.Notifications)
	c.sound.SetChecked(cfg.App.SaveSound)
	for i, l := range looks {
		if l == cfg.App.Theme {
			c.look.SetSelectedIndex(i)
		}
	}
}

func (c *appCard) store(cfg *config.Config) error {
	cfg.App.Notifications, cfg.App.SaveSound = c.notify.Checked, c.sound.Checked
	cfg.App.Theme = looks[max(c.look.SelectedIndex(), 0)]
	return nil
}
