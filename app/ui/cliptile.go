package ui

import (
	"image"
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/capture/clip"
)

const (
	tileMargin = 6  // around the image and the texts
	tileText   = 42 // height of the two lines below the image
	tileIcon   = 18
)

// tile is one clip of the grid; Fyne uses it again for others. Its texts are plain canvas objects, for labels cost a
// hundred times as much to change, which is what scrolling does.
type clipTile struct {
	widget.BaseWidget
	c       *clips
	item    library.Item
	index   int
	hovered bool
	// part is where the pointer is over the image, from 0 to 1; negative while it is not there.
	part float32

	back, frame, badge, progress *canvas.Rectangle
	kindBack                     *canvas.Rectangle
	image                        *canvas.Image
	blank                        *canvas.Image // in the place of the image of what only the server has
	title, detail, length        *canvas.Text
	star                         *tileStar
	place, kind                  *tipIcon
	full, fullDetail             string // texts before they are cut off
}

func newClipTile(c *clips) *clipTile {
	t := &clipTile{c: c, part: -1, image: &canvas.Image{}, blank: &canvas.Image{},
		kind: newTipIcon(c.u.tips), place: newTipIcon(c.u.tips),
		back: canvas.NewRectangle(nil), frame: canvas.NewRectangle(nil), progress: canvas.NewRectangle(nil),
		badge: canvas.NewRectangle(shade), kindBack: canvas.NewRectangle(shade),
		title: canvas.NewText("", nil), detail: canvas.NewText("", nil), length: canvas.NewText("", color.White)}
	t.star = newTileStar(t)
	t.back.CornerRadius, t.frame.CornerRadius, t.image.CornerRadius, t.badge.CornerRadius = 10, 7, 7, 4
	t.kindBack.CornerRadius = 13
	t.blank.Resource, t.blank.FillMode = videoMark(), canvas.ImageFillContain
	t.image.FillMode = canvas.ImageFillContain
	t.title.TextStyle.Bold = true
	t.ExtendBaseWidget(t)
	return t
}

// show shows a clip.
func (t *clipTile) show(index int, i library.Item) {
	same := t.item.ID() == i.ID()
	t.item, t.index = i, index
	if !same {
		t.hovered, t.part = false, -1
	}
	now := time.Now()
	moment := locale.Moment(i.Created.Local(), now)
	t.full = moment
	var detail []string
	if renamed(i) {
		t.full = i.Name
		detail = append(detail, moment)
	}
	switch {
	case i.Width == 0 && i.Path != "":
		detail = append(detail, lang.L("Not a readable video"))
	case i.Program != "":
		detail = append(detail, i.Program)
	}
	if sizeKnown(i) {
		detail = append(detail, locale.Size(i.Bytes))
	}
	t.fullDetail = strings.Join(detail, " · ")
	t.length.Text = ""
	if i.Playable() {
		t.length.Text = length(i.Seconds)
	}
	mark(t.place, placeOf, i)
	mark(t.kind, kindOf, i)
	t.arrange(t.Size())
	t.Refresh()
}

// mark has an icon say something of a clip.
func mark(at *tipIcon, of func(library.Item) (fyne.Resource, string), i library.Item) {
	icon, words := of(i)
	at.tip = words
	if at.Resource != icon {
		at.SetResource(icon)
	}
}

// renamed is whether a clip has a name that somebody gave it: others say the date, and a moment says it better.
func renamed(i library.Item) bool {
	return i.Name != "" && !strings.Contains(i.Name, i.Created.Local().Format("2006-01-02"))
}

// placeOf is where a clip is, as an icon and in words.
func placeOf(i library.Item) (fyne.Resource, string) {
	switch {
	case i.Away:
		return awayIcon(), lang.L("On a drive that isn't connected")
	case i.Path == "":
		return cloudIcon(), lang.L("On the server only")
	case i.OnServer():
		return cloudDoneIcon(), lang.L("On this computer and on the server")
	}
	return hereIcon(), lang.L("On this computer")
}

// kindOf marks what is no replay, with an icon and in words.
func kindOf(i library.Item) (fyne.Resource, string) {
	switch i.Kind {
	case clip.Recorded:
		return recordingMark(), lang.L("Recording")
	case clip.Screenshot:
		return screenshotMark(), lang.L("Screenshot")
	case clip.Trimmed:
		return trimmedMark(), lang.L("Trimmed clip")
	}
	return nil, ""
}

// draw takes the colors of the theme and what the tile is in: chosen, under the pointer, under the keyboard.
func (t *clipTile) draw() {
	chosen, cursor := t.c.grid.chosen[t.item.ID()], t.c.grid.focused && t.c.grid.cursor == t.index
	t.back.FillColor, t.back.StrokeWidth = color.Transparent, 0
	switch {
	case chosen:
		t.back.FillColor = theme.Color(theme.ColorNameSelection)
	case t.hovered:
		t.back.FillColor = theme.Color(colorCard)
	}
	if chosen || cursor {
		t.back.StrokeColor, t.back.StrokeWidth = theme.Color(theme.ColorNamePrimary), 2
	}
	if cursor && !chosen {
		t.back.StrokeColor = theme.Color(theme.ColorNameFocus)
	}
	t.frame.FillColor = rgb(0x0c0e14)
	t.title.Color, t.detail.Color = theme.Color(theme.ColorNameForeground), theme.Color(colorMuted)
	t.title.TextSize, t.detail.TextSize = theme.TextSize(), theme.CaptionTextSize()
	t.length.TextSize = theme.CaptionTextSize()
	t.progress.FillColor = theme.Color(theme.ColorNamePrimary)
	setShown(t.badge, t.length.Text != "")
	setShown(t.length, t.length.Text != "")
	setShown(t.kind, t.kind.Resource != nil)
	setShown(t.kindBack, t.kind.Resource != nil)
	t.star.set(t.item.Starred, t.item.Starred || t.hovered && t.item.Ours && t.item.Here())
	t.still()
}

// still is the frame under the pointer, or the clip's image.
func (t *clipTile) still() {
	var img image.Image
	if t.part >= 0 && t.item.Here() && t.item.Playable() {
		img = t.c.scrub.at(t.item.Path, t.part)
	}
	scrubbed := img != nil
	if img == nil && t.item.Here() && t.item.Width > 0 {
		img = t.c.thumbs.get(t.item.Path)
	}
	setShown(t.progress, scrubbed)
	setShown(t.blank, img == nil && t.item.Path == "")
	if scrubbed {
		size := t.frame.Size()
		t.progress.Resize(fyne.NewSize(size.Width*t.part, 3))
	}
	if t.image.Image != img {
		t.image.Image = img
		t.image.Refresh()
	}
}

// MinSize is the size of the grid's cells.
func (t *clipTile) MinSize() fyne.Size { return t.c.cell }

// arrange puts everything in its place.
func (t *clipTile) arrange(size fyne.Size) {
	if size.Width <= 2*tileMargin {
		return
	}
	t.back.Resize(size)
	w := size.Width - 2*tileMargin
	h := w * 9 / 16
	box := fyne.NewPos(tileMargin, tileMargin)
	for _, o := range []fyne.CanvasObject{t.frame, t.image} {
		o.Move(box)
		o.Resize(fyne.NewSize(w, h))
	}
	const mark = 40
	t.blank.Resize(fyne.NewSquareSize(mark))
	t.blank.Move(box.AddXY((w-mark)/2, (h-mark)/2))
	t.progress.Move(fyne.NewPos(tileMargin, tileMargin+h-3))
	if t.length.Text != "" {
		least := t.length.MinSize()
		t.badge.Resize(fyne.NewSize(least.Width+10, least.Height+2))
		t.badge.Move(fyne.NewPos(tileMargin+w-least.Width-15, tileMargin+h-least.Height-7))
		t.length.Move(t.badge.Position().AddXY(5, 1))
	}
	t.kindBack.Resize(fyne.NewSquareSize(26))
	t.kindBack.Move(fyne.NewPos(tileMargin+4, tileMargin+4))
	t.kind.Resize(fyne.NewSquareSize(tileIcon))
	t.kind.Move(fyne.NewPos(tileMargin+8, tileMargin+8))
	t.star.Resize(fyne.NewSquareSize(26))
	t.star.Move(fyne.NewPos(tileMargin+w-30, tileMargin+4))
	t.title.Text = cut(t.full, w-4, t.title)
	t.title.Move(fyne.NewPos(tileMargin+2, tileMargin+h+4))
	t.detail.Text = cut(t.fullDetail, w-tileIcon-8, t.detail)
	t.detail.Move(fyne.NewPos(tileMargin+2, tileMargin+h+23))
	t.place.Resize(fyne.NewSquareSize(tileIcon))
	t.place.Move(fyne.NewPos(tileMargin+w-tileIcon, tileMargin+h+22))
}

// cut cuts a text off where it is too wide. Most are not, and measuring is what costs.
func cut(text string, width float32, like *canvas.Text) string {
	measure := func(s string) float32 { return fyne.MeasureText(s, like.TextSize, like.TextStyle).Width }
	if measure(text) <= width {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)
	for low < high {
		middle := (low + high + 1) / 2
		if measure(string(runes[:middle])+"…") <= width {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return strings.TrimRight(string(runes[:low]), " ·") + "…"
}

// MouseIn begins to look through the clip.
func (t *clipTile) MouseIn(e *desktop.MouseEvent) {
	t.hovered = true
	t.point(e.Position)
	t.Refresh()
}

// MouseMoved shows the frame under the pointer.
func (t *clipTile) MouseMoved(e *desktop.MouseEvent) {
	before := t.part
	if t.point(e.Position); t.part != before {
		t.still()
		t.progress.Refresh()
	}
}

// MouseOut shows the clip's image again.
func (t *clipTile) MouseOut() {
	t.hovered, t.part = false, -1
	t.c.scrub.leave()
	t.Refresh()
}

// point notes where in the image the pointer is.
func (t *clipTile) point(p fyne.Position) {
	size := t.frame.Size()
	t.part = -1
	if x, y := p.X-tileMargin, p.Y-tileMargin; size.Width > 0 && x >= 0 && x < size.Width && y >= 0 && y < size.Height {
		t.part = x / size.Width
	}
}

// MouseDown chooses, as in a file manager.
func (t *clipTile) MouseDown(e *desktop.MouseEvent) { t.c.grid.pressed(t.index, e.Button, e.Modifier) }

// MouseUp is for desktop.Mouseable.
func (t *clipTile) MouseUp(*desktop.MouseEvent) {}

// DoubleTapped plays.
func (t *clipTile) DoubleTapped(*fyne.PointEvent) { t.c.act("play") }

// TappedSecondary opens the menu.
func (t *clipTile) TappedSecondary(e *fyne.PointEvent) { t.c.menu(e.AbsolutePosition) }

// CreateRenderer draws the tile.
func (t *clipTile) CreateRenderer() fyne.WidgetRenderer {
	return &tileRenderer{t, []fyne.CanvasObject{t.back, t.frame, t.blank, t.image, t.progress, t.badge, t.length,
		t.kindBack, t.kind, t.title, t.detail, t.place, t.star}}
}

type tileRenderer struct {
	t       *clipTile
	objects []fyne.CanvasObject
}

func (r *tileRenderer) Layout(size fyne.Size)        { r.t.arrange(size) }
func (r *tileRenderer) MinSize() fyne.Size           { return r.t.c.cell }
func (r *tileRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *tileRenderer) Destroy()                     {}
func (r *tileRenderer) Refresh() {
	r.t.draw()
	canvas.Refresh(r.t)
}

// tileStar is the star of a tile, which a click sets or takes away.
type tileStar struct {
	widget.BaseWidget
	t    *clipTile
	back *canvas.Rectangle
	icon *canvas.Image
	on   bool
	tip  string
}

func newTileStar(t *clipTile) *tileStar {
	s := &tileStar{t: t, icon: canvas.NewImageFromResource(nil), back: canvas.NewRectangle(shade)}
	s.icon.FillMode, s.back.CornerRadius = canvas.ImageFillContain, 13
	s.ExtendBaseWidget(s)
	return s
}

// set shows a full or an empty star, or none.
func (s *tileStar) set(on, shown bool) {
	want := starOutline()
	if s.on = on; on {
		want = starGold()
	}
	if s.icon.Resource != want {
		s.icon.Resource = want
		s.icon.Refresh()
	}
	if on {
		s.tip = lang.L("Remove star")
	} else {
		s.tip = lang.L("Add star")
	}
	setShown(s, shown)
}

// MouseIn leaves the tile, which has the star, as one that the pointer is over.
func (s *tileStar) MouseIn(*desktop.MouseEvent) {
	s.t.hovered = true
	s.t.Refresh()
	s.t.c.u.tips.begin(s)
}

// MouseMoved is for desktop.Hoverable.
func (s *tileStar) MouseMoved(*desktop.MouseEvent) {}

// hint implements tipped.
func (s *tileStar) hint() (tip string, right bool) { return s.tip, false }

// MouseOut is the tile's as well.
func (s *tileStar) MouseOut() {
	s.t.c.u.tips.end()
	s.t.MouseOut()
}

// Tapped sets the star or takes it away.
func (s *tileStar) Tapped(*fyne.PointEvent) { s.t.c.setStars([]library.Item{s.t.item}, !s.on) }

// Cursor says that it can be tapped.
func (s *tileStar) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer draws the star.
func (s *tileStar) CreateRenderer() fyne.WidgetRenderer {
	inside := container.New(layout.NewCustomPaddedLayout(4, 4, 4, 4), s.icon)
	return widget.NewSimpleRenderer(container.NewStack(s.back, inside))
}

// shade is what icons and texts on an image lie on.
var shade = color.NRGBA{A: 150}
