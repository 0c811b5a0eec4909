package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
)

// sharingPage is server, room and token, and a test of them.
type sharingPage struct {
	fields
	url, token, room *input
	limit            *input
	passphrase       *input
	// These say in the fields of the secrets where each is kept.
	tokenKept, passphraseKept func(config.Kept)
	plain, encrypt            *widget.Check
	warning                   *widget.Label
	test                      *pushButton
	steps                     *fyne.Container
	stepLine                  *line
	testing                   bool
}

// ServerTest is what a test of the connection tries.
type ServerTest struct {
	// URL, Room and AllowHTTP are those of the settings. Token is the one that was entered, empty for the one that is
	// kept.
	URL, Token, Room string
	AllowHTTP        bool
}

// StepKind is a step of the test of a connection.
type StepKind int

// The steps, in their order: the backend is reached, takes the token, and lets it into the room; the room's LiveKit
// server is reached.
const (
	StepServer StepKind = iota
	StepToken
	StepRoom
	StepMedia
)

// name says what a step tries.
func (k StepKind) name() string {
	return []string{lang.L("Reach the server"), lang.L("Check the access token"), lang.L("Ask to join the room"),
		lang.L("Reach the LiveKit server")}[k]
}

// ServerStep is one step of the test of a connection.
type ServerStep struct {
	Kind StepKind
	// Done says that the step has ended; Err is why it failed.
	Done bool
	Err  error
	// Found is what came out.
	Found string
}

func newSharingPage(s *settings) *sharingPage {
	h := &sharingPage{fields: fields{s: s}, steps: container.NewVBox()}
	f := &h.fields
	paste := newPushButton(lang.L("Paste invitation"), theme.ContentPasteIcon(), h.paste)
	f.row(lang.L("Invitation"), container.NewHBox(paste), lang.L("Paste invitation"))
	f.note(lang.L("For a hindsight:// link from your team's server: copy it, then paste it here."))
	h.url = f.text("sharing.backend_url", "https://replay.example.com",
		func(c *config.Config) *string { return &c.Sharing.BackendURL })
	h.plain = f.check(config.AllowHTTPKey, lang.L("Encryption"), lang.L("Allow http:// to another computer"),
		func(c *config.Config) *bool { return &c.Sharing.AllowHTTP })
	h.warning = f.note(lang.L("Not encrypted: anyone on the way to the server can read your access token. " +
		"Use https:// if you can."))
	h.token, h.tokenKept = h.secret(tokenKey, lang.L("Password"))
	h.room = f.text("sharing.room", lang.L("Name of the LiveKit room"),
		func(c *config.Config) *string { return &c.Sharing.Room })
	h.encrypt = f.check(config.EncryptKey, lang.L("End-to-end encryption"), lang.L("Encrypt what you share"),
		func(c *config.Config) *bool { return &c.Sharing.Encrypt })
	f.note(lang.L("Viewers need the same passphrase. The server cannot record what it cannot read: " +
		"only local clips are saved. Clips that you upload are not encrypted. None is uploaded by itself."))
	h.passphrase, h.passphraseKept = h.secret(config.PassphraseKey, lang.L("End-to-end encryption"))
	h.test = newPushButton(lang.L("Test connection"), theme.MediaPlayIcon(), h.try)
	f.row(lang.L("Connection"), container.NewHBox(h.test), lang.L("Test connection"))
	h.stepLine = f.row("", h.steps)
	h.stepLine.show(false)
	pick(f, "sharing.stream_quality", config.StreamQualities,
		[]string{lang.L("Same as replay"), lang.L("Lower (slow upload)"), lang.L("Both (slow viewers)")},
		func(c *config.Config) *config.StreamQuality { return &c.Sharing.StreamQuality })
	f.note(lang.L("With both, viewers on a slow connection get the lower one and everyone else the full one. " +
		"This takes more CPU and upload. An end-to-end encrypted share has the full one only."))
	pick(f, "sharing.viewer_clips", config.ViewerClipsAll,
		[]string{lang.L("Nobody"), lang.L("Ask me each time"), lang.L("Anyone in the room")},
		func(c *config.Config) *config.ViewerClips { return &c.Sharing.ViewerClips })
	f.note(lang.L("Viewers in the room ask from their own app, and get a link to the clip."))
	pick(f, "sharing.viewer_clip_from", config.ClipsFromAll,
		[]string{lang.L("Made by the server"), lang.L("Made here and uploaded")},
		func(c *config.Config) *config.ClipsFrom { return &c.Sharing.ViewerClipFrom })
	f.note(lang.L("Made here, a clip comes from your replay buffer and stays in your clip folder; the upload takes " +
		"longer. Clips of watch links are always made by the server."))
	pick(f, "sharing.tell_room", config.TellRoomAll,
		[]string{lang.L("Nothing"), lang.L("A link, for other apps"), lang.L("A link, in the chat too")},
		func(c *config.Config) *config.TellRoom { return &c.Sharing.TellRoom })
	f.note(lang.L("With a link, everyone in the room can watch the clip for 7 days."))
	f.check("sharing.at_launch", lang.L("On launch"), lang.L("Start sharing on launch"),
		func(c *config.Config) *bool { return &c.Sharing.AtLaunch })
	f.check("sharing.link_saved", lang.L("Clip links"), lang.L("Upload each saved clip and copy its link"),
		func(c *config.Config) *bool { return &c.Sharing.LinkSaved })
	f.note(lang.L("If the server saves a copy itself, the link leads to that one."))
	h.limit = f.number("clips.upload_kbps", lang.L("Automatic"),
		lang.L("Enter a whole number of kb/s, or nothing for automatic"),
		func(c *config.Config) *int { return &c.Clips.UploadKbps })
	f.note(lang.L("The most that uploads take while you share. Automatic is a quarter of the stream's bitrate."))
	f.card(lang.L("Sharing in a room"))
	return h
}

// warn puts weight on the warning while it matters.
func (h *sharingPage) warn() {
	how := widget.LowImportance
	if h.plain.Checked {
		how = widget.WarningImportance
	}
	if h.warning.Importance != how {
		h.warning.Importance = how
		h.warning.Refresh()
	}
}

// secret adds the field of a secret, and returns what says where the secret is kept: in the field while nothing is
// entered, and the file, whose path may be long, below it.
func (h *sharingPage) secret(key, found string) (field *input, say func(config.Kept)) {
	field = h.s.newEntry("")
	field.Password = true
	h.setting(key, field, found)
	file := h.note("")
	file.Wrapping = fyne.TextWrapBreak
	row := h.lines[len(h.lines)-1]
	row.show(false)
	return field, func(k config.Kept) {
		field.SetPlaceHolder(keptText(k))
		setText(file, k.File)
		if there := k.File != ""; row.wanted != there {
			row.show(there)
			h.s.body.Refresh()
		}
	}
}

// look says in the empty fields of the secrets where each is kept. The keyring may take a while.
func (h *sharingPage) look() {
	u := h.s.u
	u.wg.Go(func() {
		token, passphrase := u.parts.Kept(tokenKey), u.parts.Kept(config.PassphraseKey)
		u.main(func() {
			h.tokenKept(token)
			h.passphraseKept(passphrase)
		})
	})
}

func keptText(k config.Kept) string {
	switch k.Place {
	case config.InKeyring:
		return lang.L("Kept in the system's keyring")
	case config.InFile:
		return lang.L("Kept in the file below")
	case config.InEnvironment:
		return lang.L("Set by an environment variable")
	case config.KeyringLocked:
		return lang.L("The keyring is locked")
	case config.KeyringSilent:
		return lang.L("The keyring does not respond")
	}
	return lang.L("Not set")
}

// newToken is the token entered, if any.
func (h *sharingPage) newToken() (string, bool) {
	t := h.token.trimmed()
	return t, t != ""
}

// newPassphrase is the passphrase entered, if any.
func (h *sharingPage) newPassphrase() (string, bool) {
	t := h.passphrase.trimmed()
	return t, t != ""
}

// try tests the connection as it is entered, and shows each step as it ends.
func (h *sharingPage) try() {
	if h.testing {
		return
	}
	h.testing = true
	h.test.Disable()
	h.steps.RemoveAll()
	h.stepLine.show(true)
	c, _ := h.s.entered()
	token, _ := h.newToken()
	ask := ServerTest{URL: c.Sharing.BackendURL, Token: token, Room: c.Sharing.Room, AllowHTTP: c.Sharing.AllowHTTP}
	u := h.s.u
	u.wg.Go(func() {
		u.parts.TestServer(u.ctx, ask, func(step ServerStep) { u.main(func() { h.show(step) }) })
		u.main(func() {
			h.testing = false
			h.test.Enable()
		})
	})
}

// show shows a step, or what came of the newest one.
func (h *sharingPage) show(step ServerStep) {
	var icon fyne.Resource = theme.MoreHorizontalIcon()
	text, how := step.Kind.name(), widget.MediumImportance
	switch {
	case step.Done && step.Err != nil:
		icon = theme.NewErrorThemedResource(theme.ErrorIcon())
		text, how = text+" – "+locale.Message(session.Plain(step.Err)), widget.DangerImportance
	case step.Done:
		icon = theme.NewSuccessThemedResource(theme.ConfirmIcon())
		if step.Found != "" {
			text += " – " + step.Found
		}
	}
	said := widget.NewLabel(text)
	said.Wrapping, said.Importance = fyne.TextWrapWord, how
	row := container.NewBorder(nil, nil, container.NewVBox(container.NewPadded(widget.NewIcon(icon))), nil, said)
	if n := len(h.steps.Objects); step.Done && n > 0 {
		h.steps.Objects[n-1] = row
		h.steps.Refresh()
		return
	}
	h.steps.Add(row)
}

// paste opens the invitation that is in the clipboard.
func (h *sharingPage) paste() {
	u := h.s.u
	link := u.app.Clipboard().Content()
	u.do(lang.L("Couldn't open invitation"), func() error { return u.parts.OpenInvitation(link) })
}
