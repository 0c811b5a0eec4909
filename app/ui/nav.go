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
	buttons []*widget.Button
	stack   *fyne.Container
	state   *widget.Label
	root    fyne.CanvasObject
}

func newNav(u *UI) *nav {
	n := &nav{u: u, state: muted("")}
	n.state.Wrapping = fyne.TextWrapWord
	for i, item := range []struct {
		text string
		icon fyne.Resource
	}{{lang.L("Home"), theme.HomeIcon()}, {lang.L("Clips"), theme.MediaVideoIcon()},
		{lang.L("Settings"), theme.SettingsIcon()}, {lang.L("Log"), theme.DocumentIcon()}} {
		b := widget.NewButtonWithIcon(item.text, item.icon, func() { n.choose(i) })
		b.Alignment = widget.ButtonAlignLeading
		n.buttons = append(n.buttons, b)
	}
	icon := canvas.NewImageFromReader(bytes.NewReader(assets.Icon()), "hindsight.png")
	icon.SetMinSize(fyne.NewSquareSize(34))
	icon.FillMode = canvas.ImageFillContain
	name := widget.NewLabel("Hindsight")
	name.TextStyle.Bold = true
	name.SizeName = theme.SizeNameSubHeadingText
	top := container.NewVBox(container.NewHBox(icon, name), gap(10))
	for _, b := range n.buttons {
		top.Add(b)
	}
	side := newSurface(colorSide, 0, 14, container.NewBorder(top, n.state, nil, nil, gapWide(150)))
	n.stack = container.NewStack()
	for _, p := range u.pages {
		n.stack.Add(p.content())
	}
	body := container.New(layout.NewCustomPaddedLayout(16, 16, 20, 20), n.stack)
	n.root = container.NewBorder(nil, nil, side, nil, body)
	n.mark()
	return n
}

func (n *nav) content() fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 0, 0), n.root)
}

// choose turns to a page.
func (n *nav) choose(i int) {
	if i == n.current {
		return
	}
	n.current = i
	c := n.u.window.Canvas()
	if b, _ := c.Focused().(*widget.Button); !slices.Contains(n.buttons, b) {
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
