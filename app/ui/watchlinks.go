package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/publish/api"
)

// Watching is what the window does with links to what is shared now.
type Watching interface {
	// NewWatchLink makes a link with which others can watch and rewind it. The URL cannot be read again.
	NewWatchLink(ctx context.Context, life time.Duration, clips api.ClipPolicy) (api.WatchLink, error)
	// WatchLinks lists those that have not expired, oldest first, without their URLs, also those to what was shared
	// before; RevokeWatchLink ends one.
	WatchLinks(ctx context.Context) ([]api.WatchLink, error)
	RevokeWatchLink(ctx context.Context, link string) error
}

// watchable is whether others could watch what is shared, with a link.
func watchable(s session.Snapshot) bool {
	return s.Share.ReplayID != "" && s.Settings.Sharing.BackendURL != ""
}

// watchLives are how long a link may work while the user shares. With the share it ends in any case.
var watchLives = []time.Duration{time.Hour, 4 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

func watchLifeNames() []string {
	return []string{lang.L("1 hour"), lang.L("4 hours"), lang.L("1 day"), lang.L("7 days")}
}

// watchPolicies are who of those with a link may clip.
var watchPolicies = []api.ClipPolicy{api.ClipsNobody, api.ClipsAsk, api.ClipsAnyone}

func watchPolicyNames() []string {
	return []string{lang.L("Nobody"), lang.L("Ask me each time"), lang.L("Anyone with the link")}
}

// watchLinks is the dialog that makes and lists links to what is shared now.
type watchLinks struct {
	u           *UI
	life, clips *widget.Select
	create      *widget.Button
	said        *fyne.Container // that the link was copied
	rows, all   *fyne.Container
	top         *fyne.Container // what is above the list
	note        *widget.Label
}

// openWatchLinks opens the dialog, and the window with it.
func (u *UI) openWatchLinks() *watchLinks {
	u.show(-1)
	l := &watchLinks{u: u, rows: container.NewVBox(), note: muted(lang.L("Loading…"))}
	intro := widget.NewLabel(lang.L("With a watch link, others see what you share in their browser, and can rewind it " +
		"as far as the server has it. What you pause is not in it, and never a later share. When you stop sharing, what " +
		"is left on the server can still be watched for a while: revoke the link to end that at once."))
	intro.Wrapping = fyne.TextWrapWord
	l.life, l.clips = widget.NewSelect(watchLifeNames(), nil), widget.NewSelect(watchPolicyNames(), nil)
	l.life.SetSelectedIndex(u.watchLife)
	l.clips.SetSelectedIndex(u.watchClips)
	l.create = widget.NewButtonWithIcon(lang.L("Copy watch link"), theme.ContentCopyIcon(), l.make)
	l.create.Importance = widget.HighImportance
	done := oneLine(widget.NewLabel(lang.L("The link is in the clipboard.")))
	l.said = container.NewBorder(nil, nil, container.NewCenter(widget.NewIcon(theme.NewSuccessThemedResource(
		theme.ConfirmIcon()))), nil, done)
	l.said.Hide()
	form := container.New(layout.NewFormLayout(), widget.NewLabel(lang.L("Works at most")), l.life,
		widget.NewLabel(lang.L("Who may clip")), l.clips)
	running := widget.NewLabel(lang.L("Your watch links"))
	running.TextStyle.Bold = true
	l.all = container.NewVBox(l.note, l.rows)
	list := container.NewVScroll(l.all)
	list.SetMinSize(fyne.NewSize(460, 150))
	l.top = container.NewVBox(intro, form, container.NewBorder(nil, nil, nil, l.create, l.said), widget.NewSeparator(),
		running)
	d := dialog.NewCustom(lang.L("Watch link"), lang.L("Close"), container.NewBorder(l.top, nil, nil, nil, list), u.window)
	d.Resize(fyne.NewSize(min(540, u.window.Canvas().Size().Width-40), 0))
	u.front(&open{Dialog: d})
	l.load()
	return l
}

// make has the server make a link as it is chosen, and copies it.
func (l *watchLinks) make() {
	u, life, clips := l.u, max(l.life.SelectedIndex(), 0), max(l.clips.SelectedIndex(), 0)
	u.watchLife, u.watchClips = life, clips // for the next time
	l.create.Disable()
	l.said.Hide()
	u.do(lang.L("Couldn't create watch link"), func() error {
		made, err := u.parts.Watching.NewWatchLink(u.ctx, watchLives[life], watchPolicies[clips])
		u.main(func() {
			l.create.Enable()
			if err == nil {
				u.app.Clipboard().SetContent(made.URL)
				l.said.Show()
				l.top.Refresh() // it has not been laid out before
				l.load()
			}
		})
		return err
	})
}

// load asks the server for the list, beside the main goroutine.
func (l *watchLinks) load() {
	l.u.wg.Go(func() {
		list, err := l.u.parts.Watching.WatchLinks(l.u.ctx)
		l.u.main(func() {
			if err != nil {
				l.rows.RemoveAll()
				l.note.Show()
				setText(l.note, wording(err))
				l.all.Refresh()
				return
			}
			l.show(list)
		})
	})
}

func (l *watchLinks) show(list []api.WatchLink) {
	l.rows.RemoveAll()
	for i := range list {
		l.rows.Add(l.row(list[len(list)-1-i])) // the newest first
	}
	if setShown(l.note, len(list) == 0); len(list) == 0 {
		setText(l.note, lang.L("There are none."))
	}
	l.all.Refresh() // the note may have gone
}

func (l *watchLinks) row(link api.WatchLink) fyne.CanvasObject {
	may := map[api.ClipPolicy]string{api.ClipsNobody: lang.L("Nobody may clip"), api.ClipsAsk: lang.L("Clips: asks you"),
		api.ClipsAnyone: lang.L("Anyone may clip")}[link.Clips]
	now := time.Now()
	made := oneLine(widget.NewLabel(lang.L("Created: {{.When}}", map[string]any{
		"When": locale.Moment(link.CreatedAt.Local(), now)})))
	expires := lang.L("Expires: {{.When}}", map[string]any{"When": locale.Moment(link.ExpiresAt.Local(), now)})
	if link.Ended {
		expires = lang.L("Ended: shows what the server still keeps")
	}
	ends, clips := oneLine(muted(expires)), oneLine(muted(may)) // together they are too long in other languages
	revoke := widget.NewButtonWithIcon(lang.L("Revoke"), theme.DeleteIcon(), nil)
	revoke.OnTapped = func() {
		revoke.Disable()
		l.u.do(lang.L("Couldn't revoke link"), func() error {
			err := l.u.parts.Watching.RevokeWatchLink(l.u.ctx, link.LinkID)
			l.u.main(l.load)
			return err
		})
	}
	lines := container.New(layout.NewCustomPaddedVBoxLayout(-12), made, ends, clips)
	return newSurface(colorTrack, 8, 2, container.NewBorder(nil, nil,
		container.NewHBox(gapWide(4), container.NewCenter(widget.NewIcon(linkIcon))),
		container.NewHBox(container.NewCenter(revoke), gapWide(4)), lines))
}
