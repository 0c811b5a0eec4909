package ui

import (
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// replayCard is the local buffer, with what it takes.
type replayCard struct {
	fields
	seconds *input
	need    *widget.Label
}

func newReplayCard(s *settings) *replayCard {
	r := &replayCard{fields: fields{s: s}}
	f := &r.fields
	r.seconds = f.number("replay.seconds", "", lang.L("Enter a number of seconds, 5 to 1200"),
		func(c *config.Config) *int { return &c.Replay.Seconds })
	r.need = f.note(lang.L("Memory and disk"))
	f.check("replay.keep_after_crash", lang.L("Crash recovery"), lang.L("Back up buffer to disk"),
		func(c *config.Config) *bool { return &c.Replay.KeepAfterCrash })
	f.note(lang.L("After a crash, the next start saves what was buffered."))
	f.check("replay.at_launch", lang.L("On launch"), lang.L("Start replay buffer on launch"),
		func(c *config.Config) *bool { return &c.Replay.AtLaunch })
	pick(f, "replay.when_locked", config.WhenLockedAll, []string{lang.L("Pause (keep buffer)"), lang.L("Keep recording")},
		func(c *config.Config) *config.WhenLocked { return &c.Replay.WhenLocked })
	f.card(lang.L("Replay buffer"))
	return r
}

// estimate says what memory and disk these settings need.
func (r *replayCard) estimate(c config.Config, now session.Snapshot) {
	width, height := frameSize(c, now, r.s.source.found.list)
	need := capture.EstimateReplay(c.Capture(true), width, height)
	minute := need.BytesPerSecond * 60
	text := lang.L("Needs about {{.Memory}} of memory. A minute of video is about {{.Minute}}.",
		map[string]any{"Memory": locale.Size(need.Memory), "Minute": locale.Size(minute)})
	if need.Disk > 0 {
		text = lang.L("Needs about {{.Memory}} of memory and {{.Disk}} of disk space for crash recovery. "+
			"A minute of video is about {{.Minute}}.",
			map[string]any{"Memory": locale.Size(need.Memory), "Disk": locale.Size(need.Disk), "Minute": locale.Size(minute)})
	}
	setText(r.need, text)
}

// clipsCard is how clips are named and made.
type clipsCard struct {
	fields
	name            *input
	overlap, poster *widget.Check
	format          *widget.Select
}

func newClipsCard(s *settings) *clipsCard {
	k := &clipsCard{fields: fields{s: s}}
	f := &k.fields
	k.name = f.text("clips.name", clip.DefaultName, func(c *config.Config) *string { return &c.Clips.Name })
	f.note(lang.L("Placeholders: {date}, {time}, {app} (the focused app) and {seconds}."))
	k.overlap = f.check("clips.no_overlap", lang.L("Overlap"), lang.L("Avoid overlap"),
		func(c *config.Config) *bool { return &c.Clips.NoOverlap })
	f.note(lang.L("A clip then starts where the previous one ended."))
	k.poster = f.check("clips.poster", lang.L("Thumbnail"), lang.L("Save thumbnail next to clip"),
		func(c *config.Config) *bool { return &c.Clips.Poster })
	k.format = pick(f, "clips.screenshot", clip.Formats(),
		[]string{lang.L("PNG (lossless)"), lang.L("JPEG (small files)")},
		func(c *config.Config) *clip.Format { return &c.Clips.Screenshot })
	f.card(lang.L("Clips"))
	return k
}
