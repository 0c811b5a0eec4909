package ui

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// buildVolumes puts the volume of each lane beside it. Where several clips are joined there are names alone.
func (e *editor) buildVolumes() {
	p := e.part()
	e.volumes.RemoveAll()
	e.volumes.Layout = layout.NewCustomPaddedVBoxLayout(laneGap)
	if len(p.sounds) == 0 {
		return
	}
	e.volumes.Add(gap(markerRow + stripHeight))
	for i, name := range p.names {
		label := oneLine(muted(soundName(name, len(p.names))))
		box := container.NewGridWrap(fyne.NewSize(110, laneHeight), label)
		if len(e.parts) == 1 {
			percent := muted("")
			var mute *tipButton
			before := 100.0 // muting
			slider := newQuietSlider(0, 100*clip.MostVolume/2)
			slider.SetValue(100 * p.volumes[i])
			show := func() {
				v := p.volumes[i]
				setText(percent, lang.L("{{.Percent}} %", map[string]any{"Percent": int(v*100 + 0.5)}))
				icon := theme.VolumeUpIcon()
				if v == 0 {
					icon = theme.VolumeMuteIcon()
				}
				mute.SetIcon(icon)
			}
			slider.OnChanged = func(v float64) { e.setVolume(i, v/100); show() }
			mute = e.button(lang.L("Mute or unmute"), theme.VolumeUpIcon(), func() {
				if slider.Value == 0 {
					slider.SetValue(before)
				} else {
					before = slider.Value
					slider.SetValue(0)
				}
			})
			show()
			box = container.New(laneRow{92, 36, 110, 50}, label, mute, slider, percent)
		}
		e.volumes.Add(box)
	}
}

// laneRow puts objects beside each other in these widths, in the middle of a lane's height.
type laneRow []float32

// Layout implements fyne.Layout.
func (l laneRow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	x := float32(0)
	for i, o := range objects {
		height := o.MinSize().Height
		place(o, x, (size.Height-height)/2, l[i], height)
		x += l[i]
	}
}

// MinSize implements fyne.Layout.
func (l laneRow) MinSize([]fyne.CanvasObject) fyne.Size {
	width := float32(0)
	for _, w := range l {
		width += w
	}
	return fyne.NewSize(width, laneHeight)
}

// soundName is a track as people call it.
func soundName(name string, tracks int) string {
	switch {
	case tracks == 1:
		return lang.L("Audio")
	case name == "Desktop":
		return lang.L("Desktop")
	case name == "Microphone":
		return lang.L("Microphone")
	}
	return name
}

// setVolume changes the volume of a lane, which is heard and saved.
func (e *editor) setVolume(i int, volume float64) {
	p := e.part()
	p.volumes[i] = volume
	e.player.SetVolumes(p.volumes)
	e.forget()
	e.refresh()
	e.timeline.Refresh()
}

// drawParts shows the clips that are joined, in their order.
func (e *editor) drawParts() {
	if len(e.parts) < 2 {
		return
	}
	e.row.RemoveAll()
	for i, p := range e.parts {
		tile := newChoice(p.frames[0], stamp(p.out-p.in), i == e.current, func() { e.choose(i) })
		size := canvas.NewRectangle(color.Transparent)
		size.SetMinSize(fyne.NewSize(132, 92))
		e.row.Add(container.NewVBox(container.NewStack(size, tile), e.partButtons(i)))
	}
	e.row.Refresh()
}

// partButtons move a clip, or take it out.
func (e *editor) partButtons(i int) fyne.CanvasObject {
	button := func(tip string, icon fyne.Resource, possible bool, do func()) *tipButton {
		b := e.button(tip, icon, do)
		setEnabled(b, possible)
		return b
	}
	return container.NewCenter(container.NewHBox(
		button(lang.L("Earlier"), theme.NavigateBackIcon(), i > 0, func() { e.swap(i, i-1) }),
		button(lang.L("Later"), theme.NavigateNextIcon(), i+1 < len(e.parts), func() { e.swap(i, i+1) }),
		button(lang.L("Leave out"), theme.ContentClearIcon(), len(e.parts) > 2, func() { e.remove(i) })))
}

func (e *editor) swap(i, k int) {
	e.parts[i], e.parts[k] = e.parts[k], e.parts[i]
	switch e.current {
	case i:
		e.current = k
	case k:
		e.current = i
	}
	e.forget()
	e.drawParts()
}

// remove leaves a clip out; its file stays open until the editor closes, for its strip may still be decoded.
func (e *editor) remove(i int) {
	gone := e.parts[i]
	e.removed = append(e.removed, gone)
	e.parts = slices.Delete(slices.Clone(e.parts), i, i+1)
	e.forget()
	if e.current >= i && e.current > 0 {
		e.current--
	}
	e.choose(e.current)
}

// quietCheck is a check box that does not take the keys when it is clicked: they are the editor's.
type quietCheck struct{ widget.Check }

func newQuietCheck(text string, changed func(bool)) *quietCheck {
	c := &quietCheck{}
	c.Text, c.OnChanged = text, changed
	c.ExtendBaseWidget(c)
	return c
}

// Tapped changes it.
func (c *quietCheck) Tapped(e *fyne.PointEvent) {
	c.Check.Tapped(e)
	unfocus(c)
}

// quietSlider is a slider that does not take the keys when it is dragged.
type quietSlider struct{ widget.Slider }

func newQuietSlider(from, to float64) *quietSlider {
	s := &quietSlider{}
	s.Min, s.Max, s.Step = from, to, 5
	s.ExtendBaseWidget(s)
	return s
}

// Tapped moves it.
func (s *quietSlider) Tapped(e *fyne.PointEvent) {
	s.Slider.Tapped(e)
	unfocus(s)
}

func unfocus(o fyne.CanvasObject) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil {
		c.Unfocus()
	}
}
