package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// clips is the page of saved files.
type clips struct {
	u     *UI
	root  fyne.CanvasObject
	list  *widget.List
	empty fyne.CanvasObject
	count *widget.Label
	quota int // GB

	items  []clip.Clip
	thumbs *thumbs
	folder string
	lastID int
	// recording is whether a file was growing when last looked.
	recording bool
	server    session.CopyState // how the last save fared there
}

func newClips(u *UI) *clips {
	c := &clips{u: u, count: muted("")}
	c.thumbs = newThumbs(u, c.redraw)
	c.list = widget.NewList(func() int { return len(c.items) }, c.newRow, c.fillRow)
	c.list.HideSeparators = true
	title := widget.NewLabel(lang.L("No clips yet"))
	title.TextStyle.Bold = true
	title.Alignment = fyne.TextAlignCenter
	title.SizeName = theme.SizeNameSubHeadingText
	hint := muted(lang.L("Save a replay and the clip appears here."))
	hint.Alignment = fyne.TextAlignCenter
	icon := canvas.NewImageFromResource(theme.NewDisabledResource(theme.MediaVideoIcon()))
	icon.FillMode = canvas.ImageFillContain
	icon.SetMinSize(fyne.NewSquareSize(72))
	c.empty = container.NewCenter(container.NewVBox(icon, title, hint))
	open := widget.NewButtonWithIcon(lang.L("Open folder"), theme.FolderOpenIcon(), func() {
		folder := c.folder
		u.do(lang.L("Couldn't open folder"), func() error {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return fmt.Errorf("the folder %s can't be created: %w", folder, err)
			}
			return u.parts.Open(folder)
		})
	})
	c.root = container.NewBorder(heading(lang.L("Clips"), c.count, open), nil, nil, nil,
		container.NewStack(c.list, c.empty))
	return c
}

func (c *clips) content() fyne.CanvasObject { return c.root }

func (c *clips) enter() { c.load(c.u.parts.Feed.Snapshot().Folder) }

func (c *clips) update(s session.Snapshot) {
	c.quota = s.Settings.Clips.QuotaGB
	ended := c.recording && s.Recording == nil
	c.recording = s.Recording != nil
	done := ended || s.LastSave != nil && s.LastSave.Clip != nil && s.LastSave.ID != c.lastID
	if s.LastSave != nil && s.LastSave.Server != c.server {
		c.server = s.LastSave.Server
		c.list.Refresh() // the server's copy may have come
	}
	if done || s.Folder != c.folder {
		if done && !ended {
			c.lastID = s.LastSave.ID
		}
		c.load(s.Folder)
	}
}

// load reads the folder beside the main goroutine.
func (c *clips) load(folder string) {
	c.folder = folder
	c.u.do(lang.L("Couldn't list clips"), func() error {
		items, err := clip.List(folder)
		c.u.main(func() {
			if c.folder == folder {
				c.show(items)
			}
		})
		return err
	})
}

func (c *clips) show(items []clip.Clip) {
	c.items = items
	var total int64
	for _, i := range items {
		total += i.Bytes
	}
	text := lang.N("{{.PluralCount}} clips", len(items)) + " · "
	if c.quota > 0 {
		text += lang.L("{{.Size}} of {{.Limit}} GB", map[string]any{"Size": locale.Size(total), "Limit": c.quota})
	} else {
		text += locale.Size(total)
	}
	setText(c.count, text)
	setShown(c.empty, len(items) == 0)
	setShown(c.count, len(items) > 0)
	c.list.Refresh()
}

// redraw draws one clip again; all of them would cost much more.
func (c *clips) redraw(path string) {
	if i := slices.IndexFunc(c.items, func(item clip.Clip) bool { return item.Path == path }); i >= 0 {
		c.list.RefreshItem(i)
	}
}

// row is one line of the list; Fyne uses it again for other clips.
type row struct {
	surface
	thumb        *canvas.Image
	name, detail *widget.Label
	star         *widget.Button
	link         *widget.Button // there where the server has a copy
	clip         clip.Clip
}

func (c *clips) newRow() fyne.CanvasObject {
	r := &row{thumb: &canvas.Image{}, name: oneLine(widget.NewLabel("")), detail: oneLine(muted(""))}
	r.name.TextStyle.Bold = true
	r.thumb.FillMode = canvas.ImageFillContain
	r.thumb.CornerRadius = 6
	back := canvas.NewRectangle(rgb(0x0c0e14))
	back.CornerRadius = 6
	thumbnail := container.NewGridWrap(fyne.NewSize(thumbWidth, thumbHeight), container.NewStack(back, r.thumb))
	play := widget.NewButtonWithIcon(lang.L("Play"), theme.MediaPlayIcon(), func() {
		c.open(lang.L("Couldn't play clip"), c.u.parts.Open, r)
	})
	show := widget.NewButtonWithIcon("", theme.FolderOpenIcon(), func() {
		c.open(lang.L("Couldn't open folder"), c.u.parts.Reveal, r)
	})
	r.star = widget.NewButtonWithIcon("", starEmpty, func() { c.setStar(r.clip) })
	remove := widget.NewButtonWithIcon("", theme.DeleteIcon(), func() { c.askDelete(r.clip) })
	r.link = widget.NewButtonWithIcon(lang.L("Link"), theme.ContentCopyIcon(), func() { c.copyLink(r.clip.Path) })
	lines := container.New(layout.NewCustomPaddedVBoxLayout(-8), r.name, r.detail)
	text := container.NewVBox(layout.NewSpacer(), lines, layout.NewSpacer())
	r.build(r, colorCard, 10, 8, container.NewBorder(nil, nil, thumbnail,
		container.NewCenter(container.NewHBox(r.link, play, r.star, show, remove)), text))
	return r
}

func (c *clips) fillRow(i widget.ListItemID, o fyne.CanvasObject) {
	r, ok := o.(*row)
	if !ok || i >= len(c.items) {
		return
	}
	r.clip = c.items[i]
	if want := starIcon(r.clip.Starred); r.star.Icon != want {
		r.star.SetIcon(want)
	}
	setEnabled(r.star, r.clip.Ours)
	setText(r.name, locale.Moment(r.clip.Created.Local(), time.Now()))
	name, bytes := filepath.Base(r.clip.Path), locale.Size(r.clip.Bytes)
	if r.clip.Width == 0 {
		setText(r.detail, lang.L("Not a readable video")+" · "+bytes+" · "+name)
	} else {
		setText(r.detail, fmt.Sprintf("%s · %s · %d × %d · %s", length(r.clip.Seconds), bytes, r.clip.Width, r.clip.Height,
			name))
	}
	setShown(r.link, c.u.parts.Linked(r.clip.Path))
	if img := c.thumbs.get(r.clip.Path); r.thumb.Image != img {
		r.thumb.Image = img
		r.thumb.Refresh()
	}
}

func (c *clips) open(failed string, with func(string) error, r *row) {
	path := r.clip.Path
	c.u.do(failed, func() error { return with(path) })
}

func starIcon(on bool) fyne.Resource {
	if on {
		return starFull
	}
	return starEmpty
}

// setStar marks a clip as one to keep, or takes the mark away.
func (c *clips) setStar(item clip.Clip) {
	folder := c.folder
	c.u.do(lang.L("Couldn't change star"), func() error {
		err := clip.Star(item.Path, !item.Starred)
		c.u.main(func() { c.load(folder) })
		return err
	})
}

// copyLink puts a new link to the server's copy into the clipboard.
func (c *clips) copyLink(path string) {
	c.u.do(lang.L("Couldn't create link"), func() error {
		url, err := c.u.parts.Link(c.u.ctx, path)
		if err == nil {
			c.u.main(func() {
				c.u.app.Clipboard().SetContent(url)
				c.u.inform(lang.L("Link copied"), lang.L("Anyone with the link can watch for 7 days.")+"\n"+url)
			})
		}
		return err
	})
}

func (c *clips) askDelete(item clip.Clip) {
	text := lang.L("Delete {{.Name}}? This can't be undone.", map[string]any{"Name": filepath.Base(item.Path)})
	d := dialog.NewConfirm(lang.L("Delete clip"), text, func(yes bool) {
		if !yes {
			return
		}
		folder := c.folder
		c.u.do(lang.L("Couldn't delete clip"), func() error {
			err := clip.Remove(item.Path)
			c.u.main(func() { c.load(folder) })
			return err
		})
	}, c.u.window)
	d.SetConfirmText(lang.L("Delete"))
	d.SetDismissText(lang.L("Cancel"))
	d.SetConfirmImportance(widget.DangerImportance)
	c.u.ask(d)
}
