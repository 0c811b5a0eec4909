package ui

import (
	"errors"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// clipsCard is how clips are named and kept.
type clipsCard struct {
	name, quota     *widget.Entry
	poster, overlap *widget.Check
	format          *widget.Select
	root            fyne.CanvasObject
}

var formats = []string{"png", "jpeg"}

func newClipsCard(s *settings) *clipsCard {
	c := &clipsCard{
		name: s.newEntry(clip.DefaultName), quota: s.newEntry("no limit: nothing is ever deleted"),
		poster:  s.newCheck("Also put a picture of the clip beside it"),
		overlap: s.newCheck("Start a clip where the one before it ended"),
		format:  s.newSelect("PNG: every pixel as it is", "JPEG: small files"),
	}
	hint := muted("{date}, {time}, {app} (the focused window's program) and {seconds} stand for what they say.")
	c.root = card("Clips", form(
		label("File name"), c.name, label(""), hint,
		label("Keep at most (GB)"), c.quota, label(""), muted("Then the oldest clips without a star go. Only files that Hindsight made."),
		label("Overlap"), c.overlap,
		label("Pictures"), c.poster,
		label("Screenshots"), c.format,
	))
	return c
}

func (c *clipsCard) content() fyne.CanvasObject { return c.root }

func (c *clipsCard) load(cfg config.Config) {
	c.name.SetText(cfg.Clips.Name)
	c.quota.SetText(positive(cfg.Clips.QuotaGB))
	c.poster.SetChecked(cfg.Clips.Poster)
	c.overlap.SetChecked(cfg.Clips.NoOverlap)
	for i, f := range formats {
		if f == cfg.Clips.Screenshot {
			c.format.SetSelectedIndex(i)
		}
	}
}

func (c *clipsCard) store(cfg *config.Config) error {
	k := &cfg.Clips
	k.Name, k.Poster, k.NoOverlap, k.QuotaGB = trimmed(c.name), c.poster.Checked, c.overlap.Checked, 0
	k.Screenshot = formats[max(c.format.SelectedIndex(), 0)]
	if text := trimmed(c.quota); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("what clips may take must be a whole number of GB, or empty for no limit")
		}
		k.QuotaGB = n
	}
	return nil
}
