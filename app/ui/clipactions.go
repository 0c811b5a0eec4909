package ui

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/desktop/trash"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// clipAction is what can be done with the chosen clips. The clips page shows each in its menu, under its key, and those
// of its toolbar there as well.
type clipAction struct {
	id    string
	label string
	icon  fyne.Resource
	// key and mod are what is pressed on the clips page; no key is none.
	key fyne.KeyName
	mod fyne.KeyModifier
	// usable is whether the action can be used with these clips, of which there is at least one; run does it, on the
	// main goroutine.
	usable func(items []library.Item) bool
	run    func(u *UI, items []library.Item)
	// toolbar shows the action over the list as well, group draws a line over it in the menu.
	toolbar, group bool
}

// clipActions are the actions, in the order of the menu.
func clipActions() []clipAction {
	const ctrl = fyne.KeyModifierShortcutDefault
	return []clipAction{
		{id: "play", label: lang.L("Play"), icon: theme.MediaPlayIcon(), key: fyne.KeyReturn,
			usable: one(func(i library.Item) bool { return i.Here() || onlyThere(i) }), toolbar: true,
			run: func(u *UI, items []library.Item) { u.playClip(items[0]) }},
		{id: "show", label: lang.L("Show in folder"), icon: theme.FolderOpenIcon(), key: fyne.KeyReturn, mod: ctrl,
			usable: oneHere, toolbar: true,
			run: func(u *UI, items []library.Item) { u.reveal(items[0].Path) }},
		{id: "edit", label: lang.L("Edit"), icon: theme.ContentCutIcon(), key: fyne.KeyE, usable: allVideosHere,
			toolbar: true, run: func(u *UI, items []library.Item) { u.editClips(paths(items)) }},
		{id: "export", label: lang.L("Export…"), icon: exportIcon, key: fyne.KeyX, usable: allVideosHere,
			toolbar: true, run: func(u *UI, items []library.Item) { u.exportClips(filesOf(items)) }},
		{id: "copy", label: lang.L("Copy file"), icon: theme.ContentCopyIcon(), key: fyne.KeyC, mod: ctrl, usable: allHere,
			toolbar: true, group: true, run: (*UI).copyFiles},
		{id: "link", label: lang.L("Copy link"), icon: linkIcon, key: fyne.KeyL, mod: ctrl,
			usable: one(shareable), toolbar: true, run: func(u *UI, items []library.Item) { u.shareClip(items[0]) }},
		{id: "links", label: lang.L("Links…"), icon: linkIcon, usable: one(library.Item.OnServer),
			run: func(u *UI, items []library.Item) { u.showLinks(items[0].Name, items[0].Copy) }},
		{id: "download", label: lang.L("Download"), icon: theme.DownloadIcon(), toolbar: true,
			usable: func(items []library.Item) bool { return slices.ContainsFunc(items, onlyThere) },
			run:    (*UI).downloadClips},
		{id: "star", label: lang.L("Star"), icon: starEmpty, key: fyne.KeyD, mod: ctrl, usable: starrable, toolbar: true,
			group: true, run: func(u *UI, items []library.Item) { u.clips.setStars(items, !allStarred(items)) }},
		{id: "rename", label: lang.L("Rename…"), icon: theme.DocumentCreateIcon(), key: fyne.KeyF2, usable: oneHere,
			toolbar: true, run: func(u *UI, items []library.Item) { u.renameClip(items[0]) }},
		{id: "trash", label: lang.L("Move to trash"), icon: theme.DeleteIcon(), key: fyne.KeyDelete, usable: allHere,
			toolbar: true, run: (*UI).trashClips},
		{id: "details", label: lang.L("Details"), icon: theme.InfoIcon(), key: fyne.KeyReturn, mod: fyne.KeyModifierAlt,
			usable: func(items []library.Item) bool { return len(items) == 1 }, toolbar: true, group: true,
			run: func(u *UI, items []library.Item) { u.clipDetails(items[0]) }},
	}
}

// keyHint is the action's key as a hint writes it.
func (a clipAction) keyHint() string {
	if a.key == "" {
		return ""
	}
	combo := hotkey.Combo{Key: string(a.key)}
	for own, mod := range map[fyne.KeyModifier]hotkey.Mod{fyne.KeyModifierControl: hotkey.Ctrl,
		fyne.KeyModifierAlt: hotkey.Alt, fyne.KeyModifierShift: hotkey.Shift} {
		if a.mod&own != 0 {
			combo.Mods |= mod
		}
	}
	return " (" + keyNames(combo.Label(nil)) + ")"
}

// oneHere is one clip whose file is here, allHere any number; allVideosHere leaves out screenshots and
// what cannot be read.
func oneHere(items []library.Item) bool { return len(items) == 1 && allHere(items) }

func allHere(items []library.Item) bool {
	return allOf(items, library.Item.Here)
}

func allVideosHere(items []library.Item) bool {
	return allOf(items, func(i library.Item) bool { return i.Here() && i.Playable() })
}

// starrable are clips that can be starred: the star lies in the files that Hindsight made.
func starrable(items []library.Item) bool {
	return allOf(items, func(i library.Item) bool { return i.Here() && i.Ours })
}

func allStarred(items []library.Item) bool {
	return allOf(items, func(i library.Item) bool { return i.Starred })
}

func allOf(items []library.Item, is func(library.Item) bool) bool {
	for _, i := range items {
		if !is(i) {
			return false
		}
	}
	return true
}

// filesOf are the files of clips.
func filesOf(items []library.Item) []string {
	out := make([]string, 0, len(items))
	for _, i := range items {
		if i.Path != "" {
			out = append(out, i.Path)
		}
	}
	return out
}

// copyFiles puts the files onto the clipboard, to be pasted into folders and chats.
func (u *UI) copyFiles(items []library.Item) {
	u.do(lang.L("Couldn't copy"), func() error {
		if err := u.parts.CopyFiles(filesOf(items)); err != nil {
			return err
		}
		u.main(func() { u.clips.undoBar.say(lang.N("{{.PluralCount}} files copied", len(items))) })
		return nil
	})
}

// setStars marks clips as those to keep, or takes the marks away.
func (c *clips) setStars(items []library.Item, on bool) {
	c.u.do(lang.L("Couldn't change star"), func() error {
		var failed error
		for _, i := range items {
			if i.Starred != on {
				failed = errors.Join(failed, clip.Star(i.Path, on))
			}
		}
		c.u.parts.Library.Refresh()
		return failed
	})
}

// renameClip asks for another name. The clip keeps its star, which is in it, and its link, which is for what it holds.
func (u *UI) renameClip(item library.Item) {
	name := &nameEntry{}
	name.ExtendBaseWidget(name)
	name.SetText(item.Name)
	width := gapWide(360)
	var d *dialog.ConfirmDialog
	rename := func() {
		to := name.Text
		u.do(lang.L("Couldn't rename clip"), func() error {
			path, err := clip.Rename(item.Path, to)
			if err != nil {
				return err
			}
			u.main(func() { u.clips.grid.chosen[path] = true })
			u.parts.Library.Refresh()
			return nil
		})
	}
	d = dialog.NewCustomConfirm(lang.L("Rename clip"), lang.L("Rename"), lang.L("Cancel"),
		container.NewStack(width, name), func(yes bool) {
			if yes {
				rename()
			}
		}, u.window)
	name.OnSubmitted, name.cancel = func(string) { d.Confirm() }, d.Dismiss
	u.ask(d)
	u.window.Canvas().Focus(name)
	name.TypedShortcut(&fyne.ShortcutSelectAll{})
}

// nameEntry is a text field that Escape leaves.
type nameEntry struct {
	widget.Entry
	cancel func()
}

// TypedKey is Escape, or belongs to the text.
func (e *nameEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		e.cancel()
		return
	}
	e.Entry.TypedKey(k)
}

// trashClips moves files to the trash, from which they can be taken back, and asks where there is none.
func (u *UI) trashClips(items []library.Item) {
	u.do(lang.L("Couldn't move to trash"), func() error {
		var back []func() error
		var left []library.Item
		var failed error
		moved := 0
		for _, i := range items {
			poster := clip.Poster(i.Path)
			restore, err := moveToTrash(i.Path)
			switch {
			case errors.Is(err, trash.ErrNoTrash):
				left = append(left, i)
				continue
			case err != nil:
				failed = errors.Join(failed, err)
				continue
			}
			if restore != nil {
				back = append(back, restore)
			}
			if poster != "" {
				posterBack, err := moveToTrash(poster)
				if err == nil && restore != nil && posterBack != nil {
					back = append(back, posterBack)
				}
			}
			moved++
		}
		u.parts.Library.Refresh()
		u.main(func() {
			if moved > 0 {
				u.clips.undoBar.offer(lang.N("{{.PluralCount}} clips moved to the trash", moved), back)
			}
			if len(left) > 0 {
				u.askDelete(left)
			}
		})
		return failed
	})
}

// moveToTrash returns how to bring the file back, which is nil where only the desktop's trash can.
func moveToTrash(path string) (restore func() error, err error) {
	t, err := trash.Put(path)
	if err != nil || !t.Restorable() {
		return nil, err
	}
	return t.Restore, nil
}

// askDelete asks before files go for good.
func (u *UI) askDelete(items []library.Item) {
	text := lang.N("Their drive has no trash. Delete {{.PluralCount}} clips? This can't be undone.", len(items))
	if len(items) == 1 {
		text = lang.L("Its drive has no trash. Delete {{.Name}}? This can't be undone.", map[string]any{
			"Name": filepath.Base(items[0].Path)})
	}
	u.confirm(lang.L("Delete clip"), text, lang.L("Delete"), true, func() {
		u.do(lang.L("Couldn't delete clip"), func() (failed error) {
			for _, i := range items {
				failed = errors.Join(failed, clip.Remove(i.Path))
			}
			u.parts.Library.Refresh()
			return failed
		})
	})
}

// clipDetails says everything about a clip.
func (u *UI) clipDetails(i library.Item) {
	form := container.New(layout.NewFormLayout())
	row := func(name, text string) {
		if text == "" {
			return
		}
		l := widget.NewLabel(text)
		l.Wrapping = fyne.TextWrapBreak
		l.Selectable = true
		n := widget.NewLabel(name)
		n.TextStyle.Bold = true
		form.Add(n)
		form.Add(container.NewStack(gapWide(360), l))
	}
	row(lang.L("Name"), i.Name)
	row(lang.L("Kind"), kindName(i))
	if i.Playable() {
		row(lang.L("Length"), length(i.Seconds))
	}
	if i.Width > 0 {
		row(lang.L("Resolution"), fmt.Sprintf("%d × %d", i.Width, i.Height))
	}
	if sizeKnown(i) {
		row(lang.L("Size"), locale.Size(i.Bytes))
	}
	row(lang.L("Created"), locale.Moment(i.Created.Local(), time.Now()))
	row(lang.L("Program"), i.Program)
	_, where := placeOf(i)
	row(lang.L("Stored"), where)
	if i.Path != "" {
		row(lang.L("Folder"), filepath.Dir(i.Path))
	}
	d := dialog.NewCustom(lang.L("Details"), lang.L("Close"), container.NewVScroll(form), u.window)
	d.Resize(fyne.NewSize(0, min(form.MinSize().Height+110, u.window.Canvas().Size().Height-30)))
	u.front(&open{Dialog: d})
}

// kindName is what a clip is, in a word.
func kindName(i library.Item) string {
	if _, name := kindOf(i); name != "" {
		return name
	}
	if i.Kind == clip.Replay {
		return lang.L("Replay")
	}
	return lang.L("Video")
}

// undoWait is how long something can be taken back by the button; by the key it can be until something else happens.
const undoWait = 12 * time.Second

// undoBar says for a while what was done, and takes it back. It belongs to the main goroutine.
type undoBar struct {
	u    *UI
	root *surface
	text *widget.Label
	undo *widget.Button
	back []func() error
	turn int // what is said last
}

func newUndoBar(u *UI) *undoBar {
	b := &undoBar{u: u, text: widget.NewLabel("")}
	b.undo = widget.NewButtonWithIcon(lang.L("Undo"), theme.ContentUndoIcon(), b.do)
	hide := newTipButton(u.tips, lang.L("Close"), theme.CancelIcon(), func() { b.root.Hide() })
	hide.Importance = widget.LowImportance
	b.root = newSurface(colorTrack, 10, 6, container.NewHBox(b.text, b.undo, hide))
	b.root.Hide()
	return b
}

// say says what was done.
func (b *undoBar) say(text string) {
	b.turn++
	turn := b.turn
	setText(b.text, text)
	setShown(b.undo, false)
	b.root.Show()
	b.root.Refresh()
	b.u.watches.Go(func() {
		wait := time.NewTimer(undoWait)
		defer wait.Stop()
		select {
		case <-wait.C:
			b.u.main(func() {
				if b.turn == turn {
					b.root.Hide()
				}
			})
		case <-b.u.ctx.Done():
		}
	})
}

// offer says what was done and how to take it back, if it can be.
func (b *undoBar) offer(text string, back []func() error) {
	b.back = back
	b.say(text)
	setShown(b.undo, len(back) > 0)
	b.root.Refresh()
}

// do takes back what was done last.
func (b *undoBar) do() {
	back := b.back
	b.back = nil
	b.root.Hide()
	if len(back) == 0 {
		return
	}
	b.u.do(lang.L("Couldn't undo"), func() (failed error) {
		for _, restore := range back {
			failed = errors.Join(failed, restore())
		}
		b.u.parts.Library.Refresh()
		return failed
	})
}

// paths are the files of the items that are here.
func paths(items []library.Item) []string {
	out := make([]string, 0, len(items))
	for _, i := range items {
		if i.Path != "" {
			out = append(out, i.Path)
		}
	}
	return out
}
