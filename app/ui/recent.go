package ui

import (
	"image"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/locale"
)

const (
	mostRecent = 5 // in the tray's menu
	homeRecent = 3 // on Home
)

// recent are the newest clips, for the tray's menu and for Home where there is no server. It belongs to the main
// goroutine.
type recent struct {
	u      *UI
	items  []library.Item
	thumbs *thumbs

	root *surface
	row  *fyne.Container
	none fyne.CanvasObject
	// drawn are the clips and images that the row shows.
	drawn []drawnClip
}

type drawnClip struct {
	path  string
	image image.Image
}

func newRecent(u *UI) *recent {
	r := &recent{u: u, row: container.NewGridWithColumns(homeRecent)}
	r.thumbs = newThumbs(u, func(string) { r.draw() })
	title := widget.NewLabel(lang.L("Latest clips"))
	title.TextStyle.Bold = true
	all := widget.NewButtonWithIcon(lang.L("All clips"), theme.NavigateNextIcon(), func() { u.nav.choose(pageClips) })
	all.IconPlacement = widget.ButtonIconTrailingText
	all.Importance = widget.LowImportance
	r.none = r.empty()
	r.root = newSurface(colorCard, 12, 10, container.NewVBox(
		container.NewBorder(nil, nil, title, all), container.NewStack(r.row, r.none)))
	return r
}

// empty says what will be here.
func (r *recent) empty() fyne.CanvasObject {
	icon := canvas.NewImageFromResource(theme.NewDisabledResource(theme.MediaVideoIcon()))
	icon.FillMode = canvas.ImageFillContain
	icon.SetMinSize(fyne.NewSquareSize(44))
	hint := muted(lang.L("Save a replay and the clip appears here."))
	hint.Alignment = fyne.TextAlignCenter
	return container.NewVBox(gap(6), icon, hint, gap(6))
}

// load takes the newest clips of the library.
func (r *recent) load() {
	var items []library.Item
	for _, i := range r.u.parts.Library.Snapshot().Items {
		if i.Here() && i.Playable() {
			items = append(items, i)
		}
		if len(items) == mostRecent {
			break
		}
	}
	r.show(items)
}

func (r *recent) show(items []library.Item) {
	same := slices.EqualFunc(items, r.items, func(a, b library.Item) bool { return a.Path == b.Path })
	r.items = items
	if !same {
		r.u.tray.refresh()
	}
	r.draw()
}

// draw fills Home's row while it is visible, and only when something in it changed.
func (r *recent) draw() {
	if !r.root.Visible() || !r.u.shown.Load() {
		return
	}
	var want []drawnClip
	for _, c := range r.items[:min(len(r.items), homeRecent)] {
		want = append(want, drawnClip{c.Path, r.thumbs.get(c.Path)})
	}
	if slices.Equal(want, r.drawn) && len(want) > 0 {
		return
	}
	r.drawn = want
	r.row.RemoveAll()
	for i, d := range want {
		c := r.items[i]
		name := locale.Moment(c.Created, time.Now()) + " · " + seconds(c.Seconds)
		tile := newChoice(d.image, name, false, func() { r.u.play(c.Path) })
		height := canvas.NewRectangle(nil)
		height.SetMinSize(fyne.NewSize(60, 148))
		r.row.Add(container.NewStack(height, tile))
	}
	for range homeRecent - len(want) {
		r.row.Add(layout.NewSpacer())
	}
	setShown(r.row, len(want) > 0)
	setShown(r.none, len(want) == 0)
	r.root.Refresh()
	r.u.home.withoutServer.Refresh() // the height may be another one
	r.u.home.root.Refresh()
}
