package ui

import (
	"context"
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/publish/api"
)

// Server is what the window does with clips on the team's server.
type Server interface {
	// Transfers is what goes to the server and comes from it, whenever that changed; see transfers.Queue.
	Transfers() (items <-chan []transfers.Item, stop func())
	// Retry tries a transfer again now, Remove cancels or forgets it.
	Retry(id string)
	Remove(id string)
	// Share makes a link to a file. Where the server has no copy the URL is empty: the file is uploaded, and then its
	// link goes into the clipboard.
	Share(ctx context.Context, path string) (url string, err error)
	// ShareCopy makes a link to a clip that is only on the server.
	ShareCopy(ctx context.Context, at links.Copy) (url string, err error)
	// Links lists the links to a copy, without their URLs, and Unlink revokes one.
	Links(ctx context.Context, at links.Copy) ([]api.Link, error)
	Unlink(ctx context.Context, at links.Copy, link string) error
	// Download brings a clip into the clip folder. Watch plays one that is only on the server.
	Download(at links.Copy)
	// Refresh lists the clips of the server again, for the library.
	Refresh()
	Watch(ctx context.Context, at links.Copy) error
	// TeamPage opens the team's page in the browser, signed in.
	TeamPage(ctx context.Context) error
}

// mostRows is how many transfers the strip shows; the rest is counted.
const mostRows = 2

// doneFor is how long the strip says that a link was copied.
const doneFor = 8 * time.Second

// strip is the bar at the lower end of the window that shows what is uploaded and downloaded. It belongs to the main
// goroutine but for what its mutex guards.
type strip struct {
	u    *UI
	root *fyne.Container
	// body is the window's page with the strip below, height that of the strip when it was laid out last.
	body   *fyne.Container
	height float32

	rows []*transferRow
	more *fyne.Container
	left *widget.Label

	// failed is one line for all that stopped, where they are several; list has them while it is open.
	failed *surface
	count  *widget.Label
	open   bool
	toggle *tipButton
	list   *fyne.Container
	each   []*transferRow // of the list
	scroll *container.Scroll
	drop   *widget.Button // takes all away that stopped

	done *fyne.Container
	said *widget.Label
	// saying counts what was said, so that only the newest is taken away.
	saying int

	mu     sync.Mutex
	newest []transfers.Item
	queued bool
}

// transferRow is one transfer.
type transferRow struct {
	item         transfers.Item
	root         *surface
	icon         *widget.Icon
	name, detail *widget.Label
	gauge        *bar
	again        *widget.Button
	stop         *tipButton
}

func newStrip(u *UI) *strip {
	s := &strip{u: u, left: muted(""), said: widget.NewLabel("")}
	s.drop = widget.NewButton(lang.L("Dismiss all"), s.dropStopped)
	s.drop.Importance = widget.LowImportance
	s.more = container.NewHBox(s.left)
	s.more.Hide()
	s.newFailed()
	list := container.NewVBox()
	for range mostRows {
		r := s.newRow()
		s.rows = append(s.rows, r)
		list.Add(r.root)
	}
	close := newTipButton(u.tips, lang.L("Close"), theme.CancelIcon(), func() { s.clear(s.saying) })
	close.Importance = widget.LowImportance
	icon := widget.NewIcon(theme.NewSuccessThemedResource(theme.ConfirmIcon()))
	s.done = container.NewStack(newSurface(colorCard, 10, 4, container.NewBorder(nil, nil,
		container.NewHBox(gapWide(4), container.NewCenter(icon)), container.NewCenter(close), oneLine(s.said))))
	s.done.Hide()
	s.root = container.New(layout.NewCustomPaddedLayout(10, 0, 0, 0), container.NewVBox(s.done, s.failed, s.scroll, list,
		s.more))
	s.root.Hide()
	return s
}

// listHeight is the most that the list of what stopped takes.
const listHeight = 150

// newFailed makes the line for all that stopped, and their list.
func (s *strip) newFailed() {
	s.count = widget.NewLabel("")
	s.count.TextStyle.Bold = true
	s.toggle = newTipButton(s.u.tips, lang.L("Details"), theme.MenuDropDownIcon(), func() {
		s.open = !s.open
		s.update()
	})
	s.toggle.Importance = widget.LowImportance
	icon := widget.NewIcon(theme.NewErrorThemedResource(theme.ErrorIcon()))
	s.failed = newSurface(colorCard, 10, 4, container.NewBorder(nil, nil,
		container.NewHBox(gapWide(4), container.NewCenter(icon), s.count),
		container.NewCenter(container.NewHBox(s.drop, s.toggle))))
	s.list = container.NewVBox()
	s.scroll = container.NewVScroll(s.list)
	s.failed.Hide()
	s.scroll.Hide()
}

// showFailed shows what stopped in one line, and each for itself while the line is open.
func (s *strip) showFailed(stopped []transfers.Item) {
	if s.open = s.open && len(stopped) > 0; setShown(s.failed, len(stopped) > 0) || len(stopped) > 0 {
		setText(s.count, lang.N("{{.PluralCount}} transfers failed", len(stopped)))
	}
	if !s.open {
		stopped = nil
	}
	for len(s.list.Objects) < len(stopped) {
		r := s.newRow()
		s.each = append(s.each, r)
		s.list.Add(r.root)
	}
	for i, r := range s.each {
		if setShown(r.root, i < len(stopped)); i < len(stopped) {
			r.show(stopped[i])
		}
	}
	arrow := theme.MenuDropDownIcon()
	if s.open {
		arrow = theme.MenuDropUpIcon()
	}
	if s.toggle.Icon.Name() != arrow.Name() {
		s.toggle.SetIcon(arrow)
	}
	s.scroll.SetMinSize(fyne.NewSize(0, min(s.list.MinSize().Height, listHeight)))
	setShown(s.scroll, s.open)
}

func (s *strip) newRow() *transferRow {
	r := &transferRow{icon: widget.NewIcon(theme.UploadIcon()), name: oneLine(widget.NewLabel("")),
		detail: oneLine(muted("")), gauge: newBar(theme.ColorNamePrimary, 5)}
	r.name.TextStyle.Bold = true
	r.again = widget.NewButtonWithIcon(lang.L("Try again"), theme.ViewRefreshIcon(), func() {
		id := r.item.ID // the queue writes a file
		s.u.wg.Go(func() { s.u.parts.Server.Retry(id) })
	})
	r.stop = newTipButton(s.u.tips, lang.L("Cancel"), theme.CancelIcon(), func() {
		id := r.item.ID
		s.u.wg.Go(func() { s.u.parts.Server.Remove(id) })
	})
	r.stop.Importance = widget.LowImportance
	lines := container.New(layout.NewCustomPaddedVBoxLayout(-10), r.name, r.detail)
	gauge := container.New(layout.NewCustomPaddedLayout(0, 6, 8, 8), r.gauge)
	r.root = newSurface(colorCard, 10, 4, container.NewBorder(nil, gauge,
		container.NewHBox(gapWide(4), container.NewCenter(r.icon)),
		container.NewCenter(container.NewHBox(r.again, r.stop)), lines))
	r.root.Hide()
	return r
}

// follow takes what the queue says until Close. Nothing is given to the main goroutine while the window is hidden, and
// one call at a time while it is not.
func (s *strip) follow() {
	if s.u.parts.Server == nil {
		return
	}
	items, stop := s.u.parts.Server.Transfers()
	s.u.watches.Go(func() {
		defer stop()
		for {
			select {
			case <-s.u.ctx.Done():
				return
			case now, open := <-items:
				if !open {
					return
				}
				if s.take(now) {
					s.u.main(s.update)
				}
			}
		}
	})
}

func (s *strip) take(now []transfers.Item) (show bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = now
	show = s.u.shown.Load() && !s.queued
	s.queued = s.queued || show
	return show
}

// update shows the newest, what runs and what needs the user first.
func (s *strip) update() {
	s.mu.Lock()
	items := slices.Clone(s.newest)
	s.queued = false
	s.mu.Unlock()
	rank := map[transfers.State]int{transfers.Running: 0, transfers.Stopped: 1, transfers.Retrying: 2,
		transfers.Waiting: 3}
	slices.SortStableFunc(items, func(a, b transfers.Item) int { return rank[a.State] - rank[b.State] })
	var stopped []transfers.Item
	if one := slices.IndexFunc(items, stoppedTransfer); one >= 0 && slices.ContainsFunc(items[one+1:], stoppedTransfer) {
		for _, i := range items {
			if stoppedTransfer(i) {
				stopped = append(stopped, i)
			}
		}
		items = slices.DeleteFunc(items, stoppedTransfer)
	}
	s.showFailed(stopped)
	rows := min(len(items), len(s.rows))
	for i, r := range s.rows {
		if setShown(r.root, i < rows); i < rows {
			r.show(items[i])
		}
	}
	if left := len(items) - rows; setShown(s.more, left > 0) || left > 0 {
		setText(s.left, lang.N("{{.PluralCount}} more", max(left, 0)))
	}
	s.fit()
}

func stoppedTransfer(i transfers.Item) bool { return i.State == transfers.Stopped }

// dropStopped takes away what has stopped.
func (s *strip) dropStopped() {
	s.mu.Lock()
	items := slices.Clone(s.newest)
	s.mu.Unlock()
	s.u.wg.Go(func() { // the queue writes a file
		for _, i := range items {
			if stoppedTransfer(i) {
				s.u.parts.Server.Remove(i.ID)
			}
		}
	})
}

// below puts the strip below a page.
func (s *strip) below(page fyne.CanvasObject) fyne.CanvasObject {
	s.body = container.NewBorder(nil, s.root, nil, nil, page)
	return s.body
}

// fit shows the strip while there is something in it, and gives it the height that it needs.
func (s *strip) fit() {
	setShown(s.root, s.done.Visible() || s.failed.Visible() || s.rows[0].root.Visible())
	height := float32(0)
	if s.root.Visible() {
		height = s.root.MinSize().Height
	}
	if height != s.height {
		s.height = height
		s.body.Layout.Layout(s.body.Objects, s.body.Size())
		s.root.Layout.Layout(s.root.Objects, s.root.Size())
		s.root.Refresh()
	}
}

// tell says for a while that something is done.
func (s *strip) tell(text string) {
	s.saying++
	setText(s.said, text)
	s.done.Show()
	s.fit()
	mine := s.saying
	time.AfterFunc(doneFor, func() {
		if s.u.ctx.Err() == nil {
			s.u.main(func() { s.clear(mine) })
		}
	})
}

func (s *strip) clear(which int) {
	if which == s.saying {
		s.done.Hide()
		s.fit()
	}
}

func (r *transferRow) show(i transfers.Item) {
	r.item = i
	resource := theme.UploadIcon()
	if i.Kind == transfers.Download {
		resource = theme.DownloadIcon()
	}
	var drawn fyne.Resource = resource
	fill, how := theme.ColorNamePrimary, widget.LowImportance
	switch i.State {
	case transfers.Stopped:
		drawn, fill, how = theme.NewErrorThemedResource(resource), theme.ColorNameError, widget.DangerImportance
	case transfers.Retrying:
		drawn, fill, how = theme.NewWarningThemedResource(resource), theme.ColorNameWarning, widget.WarningImportance
	}
	if r.icon.Resource == nil || r.icon.Resource.Name() != drawn.Name() {
		r.icon.SetResource(drawn)
	}
	setText(r.name, transferTitle(i))
	wrap, cut := fyne.TextWrapOff, fyne.TextTruncateEllipsis
	if i.State == transfers.Stopped { // the whole reason
		wrap, cut = fyne.TextWrapWord, fyne.TextTruncateOff
	}
	if r.detail.Importance != how || r.detail.Wrapping != wrap {
		r.detail.Importance, r.detail.Wrapping, r.detail.Truncation = how, wrap, cut
		r.detail.Refresh()
	}
	setText(r.detail, transferDetail(i, time.Now()))
	done := 0.0
	if i.Bytes > 0 {
		done = float64(i.Sent) / float64(i.Bytes)
	}
	r.gauge.set(done, fill)
	setShown(r.again, i.State == transfers.Stopped && !i.Final || i.State == transfers.Retrying)
}

// transferTitle says what is done with which clip.
func transferTitle(i transfers.Item) string {
	data := map[string]any{"Name": i.Name()}
	switch {
	case i.State == transfers.Stopped && i.Kind == transfers.Upload:
		return lang.L("Couldn't upload {{.Name}}", data)
	case i.State == transfers.Stopped:
		return lang.L("Couldn't download clip")
	case i.Kind == transfers.Upload:
		return lang.L("Uploading {{.Name}}", data)
	case i.Path == "" && i.Title == "":
		return lang.L("Downloading clip from server")
	}
	return lang.L("Downloading {{.Name}}", data)
}

// transferDetail says how far it is, or why it does not go on.
func transferDetail(i transfers.Item, now time.Time) string {
	size := map[string]any{"Done": locale.Size(i.Sent), "Size": locale.Size(i.Bytes)}
	switch i.State {
	case transfers.Stopped:
		return locale.Message(i.Error)
	case transfers.Retrying:
		wait := max(i.RetryAt.Sub(now), time.Second)
		return lang.L("Retrying in {{.Time}}", map[string]any{"Time": locale.Duration(wait)}) + " · " +
			locale.Message(i.Error)
	case transfers.Waiting:
		return lang.L("Waiting")
	}
	switch left := i.Left(); {
	case i.Bytes == 0:
		return lang.L("Connecting…")
	case i.Kind == transfers.Upload && i.Sent >= i.Bytes:
		return lang.L("The server checks the clip…")
	case left > 0:
		return lang.L("{{.Done}} of {{.Size}}", size) + " · " + lang.L("{{.Time}} left",
			map[string]any{"Time": locale.Duration(max(left, time.Second))})
	}
	return lang.L("{{.Done}} of {{.Size}}", size)
}

// shareClip copies a link to a clip. One that the server does not have is uploaded first, which the strip shows.
func (u *UI) shareClip(i library.Item) {
	u.do(lang.L("Couldn't create link"), func() (err error) {
		var url string
		if i.Here() {
			url, err = u.parts.Server.Share(u.ctx, i.Path)
		} else {
			url, err = u.parts.Server.ShareCopy(u.ctx, i.Copy)
		}
		if err == nil && url != "" {
			u.main(func() {
				u.app.Clipboard().SetContent(url)
				u.strip.tell(lang.L("Link copied") + " · " + lang.L("Anyone with the link can watch for 7 days."))
			})
		}
		return err
	})
}

// LinkCopied puts a link that was made in the background into the clipboard, and says so; from any goroutine. The name
// is the clip's, which may be empty.
func (u *UI) LinkCopied(name, url string) {
	u.main(func() {
		u.app.Clipboard().SetContent(url)
		text := lang.L("Link copied")
		if name != "" {
			text = lang.L("Link to {{.Name}} copied", map[string]any{"Name": name})
		}
		u.strip.tell(text)
	})
}

// downloadClips brings clips of the server into the clip folder.
func (u *UI) downloadClips(items []library.Item) {
	u.wg.Go(func() {
		for _, i := range items {
			if onlyThere(i) {
				u.parts.Server.Download(i.Copy)
			}
		}
	})
}

// playClip plays a clip, here or from the server.
func (u *UI) playClip(i library.Item) {
	if i.Here() {
		u.play(i.Path)
		return
	}
	u.do(lang.L("Couldn't play clip"), func() error { return u.parts.Server.Watch(u.ctx, i.Copy) })
}

// onlyThere is whether only the server has a clip.
func onlyThere(i library.Item) bool { return i.Path == "" && i.OnServer() }

// shareable is whether there can be a link to a clip.
func shareable(i library.Item) bool { return onlyThere(i) || i.Here() && i.Playable() }

// one is a condition for a single clip.
func one(is func(library.Item) bool) func([]library.Item) bool {
	return func(items []library.Item) bool { return len(items) == 1 && is(items[0]) }
}
