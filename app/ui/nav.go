package ui

import (
	"bytes"
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
)

// The pages, in the order of the sidebar.
const (
	pageHome = iota
	pageClips
	pageSettings
	pageLog
)

// nav is the sidebar and the place where pages appear.
type nav struct {
	u       *UI
	current int
	buttons []*tipButton
	stack   *fyne.Container
	state   *widget.Label
	root    fyne.CanvasObject

	// narrow is a window in which the sidebar has icons only; names are what it has else.
	narrow bool
	names  []string
	wide   []fyne.CanvasObject // hidden then
}

func newNav(u *UI) *nav {
	n := &nav{u: u, state: muted("")}
	n.state.Wrapping = fyne.TextWrapWord
	for i, item := range []struct {
		text string
		icon fyne.Resource
	}{{lang.L("Home"), theme.HomeIcon()}, {lang.L("Clips"), theme.MediaVideoIcon()},
		{lang.L("Settings"), theme.SettingsIcon()},
		{lang.L("Log"), theme.DocumentIcon()}} {
		b := newTipButton(u.tips, "", item.icon, func() { n.choose(i) })
		b.Text, b.Alignment, b.right = item.text, widget.ButtonAlignLeading, true
		n.buttons, n.names = append(n.buttons, b), append(n.names, item.text)
	}
	icon := canvas.NewImageFromReader(bytes.NewReader(assets.Icon()), "hindsight.png")
	icon.SetMinSize(fyne.NewSquareSize(34))
	icon.FillMode = canvas.ImageFillContain
	name := widget.NewLabel("Hindsight")
	name.TextStyle.Bold = true
	name.SizeName = theme.SizeNameSubHeadingText
	width := gapWide(150)
	n.wide = []fyne.CanvasObject{name, n.state, width}
	top := container.NewVBox(container.NewHBox(icon, name), gap(10))
	for _, b := range n.buttons {
		top.Add(b)
	}
	side := newSurface(colorSide, 0, 14, container.NewBorder(top, n.state, nil, nil, width))
	n.stack = container.NewStack()
	for _, p := range u.pages {
		n.stack.Add(p.content())
	}
	all := container.NewScroll(n.stack) // a page that needs more than a small window has can be scrolled as a whole
	all.SetMinSize(fyne.NewSize(500, 300))
	body := container.New(layout.NewCustomPaddedLayout(16, 16, 20, 20),
		u.strip.below(all))
	n.root = container.New(n, side, body)
	n.mark()
	return n
}

func (n *nav) content() fyne.CanvasObject {
	return n.u.tips.over(n.root)
}

// narrowWindow is the width below which the sidebar has icons only.
const narrowWindow = 760

// Layout puts the sidebar on the left of the page.
func (n *nav) Layout(o []fyne.CanvasObject, size fyne.Size) {
	if narrow := size.Width < narrowWindow; narrow != n.narrow {
		n.narrow = narrow
		for i, b := range n.buttons {
			text, tip := n.names[i], ""
			if narrow {
				text, tip = tip, text
			}
			b.tip = tip
			b.SetText(text)
		}
		for _, w := range n.wide {
			setShown(w, !narrow)
		}
	}
	side := o[0].MinSize().Width
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(fyne.NewSize(side, size.Height))
	o[1].Move(fyne.NewPos(side, 0))
	o[1].Resize(fyne.NewSize(size.Width-side, size.Height))
}

// narrowSide is the width of a sidebar that has icons only.
const narrowSide = 66

// MinSize is what the page needs beside a sidebar that has icons only.
func (n *nav) MinSize(o []fyne.CanvasObject) fyne.Size {
	page := o[1].MinSize()
	return fyne.NewSize(narrowSide+page.Width, max(o[0].MinSize().Height, page.Height))
}

// choose turns to a page.
func (n *nav) choose(i int) {
	if i == n.current || n.u.firstRun != nil {
		return
	}
	n.current = i
	n.u.tips.end()
	c := n.u.window.Canvas()
	if b, _ := c.Focused().(*tipButton); !slices.Contains(n.buttons, b) {
		c.Unfocus() // nothing is typed into a hidden page
	}
	n.mark()
	n.u.pages[i].enter()
	n.u.pages[i].update(n.u.parts.Feed.Snapshot())
	n.u.meters()
}

func (n *nav) mark() {
	for i, b := range n.buttons {
		b.Importance = widget.LowImportance
		if i == n.current {
			b.Importance = widget.MediumImportance
		}
		b.Refresh()
		setShown(n.stack.Objects[i], i == n.current)
	}
}

func (n *nav) update(s session.Snapshot) { setText(n.state, stateTitle(s)) }

// gap is empty height, gapWide empty width.
func gap(height float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(1, height))
	return r
}

func gapWide(width float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(width, 1))
	return r
}
