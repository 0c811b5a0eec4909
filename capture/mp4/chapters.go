package mp4

import (
	"encoding/binary"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	box "github.com/Eyevinn/mp4ff/mp4"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Chapter is a named moment of a movie; it lasts until the next one.
type Chapter struct {
	// At is on the samples' time line.
	At    time.Duration
	Title string
}

// Limits of Nero's list of chapters: its count and the length of a title are one byte each.
const (
	maxChapters = 255
	maxTitle    = 255
)

// firstTitle names what lies before the first chapter: both kinds of lists begin with the movie.
const firstTitle = "Start"

// chapters are those within the window, in order, no two at one tick, the first at the window's start.
func (m Movie) chapters() []Chapter {
	var out []Chapter
	for _, c := range m.Chapters {
		if c.At >= m.Start && c.At < m.End {
			c.Title = title(c.Title)
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].At < out[j].At })
	if media.ToTicks(out[0].At-m.Start, movieScale) > 0 {
		out = append([]Chapter{{m.Start, firstTitle}}, out...)
	}
	kept := out[:1]
	for _, c := range out[1:] {
		if media.ToTicks(c.At-m.Start, movieScale) > media.ToTicks(kept[len(kept)-1].At-m.Start, movieScale) {
			kept = append(kept, c)
		}
	}
	return kept[:min(len(kept), maxChapters)]
}

// title makes a text that fits: whole characters, no line breaks.
func title(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	for len(s) > maxTitle {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// chapterPlan is the track of text that QuickTime and its kin read chapters from: a sample holds the length of a title
// in two bytes, the title, and an atom that says it is UTF-8 (QuickTime File Format, "Text Media" and "Chapter Lists").
func chapterPlan(m Movie) *plan {
	list := m.chapters()
	if len(list) == 0 {
		return nil
	}
	p := &plan{Track: Track{Kind: text, Off: true, Name: "Chapters"}, scale: movieScale, origin: m.Start}
	for _, c := range list {
		data := binary.BigEndian.AppendUint16(nil, uint16(len(c.Title)))
		data = append(data, c.Title...)
		data = append(data, 0, 0, 0, 12, 'e', 'n', 'c', 'd', 0, 0, 1, 0)
		p.items = append(p.items, item{parts: [][]byte{data}, size: uint32(len(data)),
			dts: media.ToTicks(c.At-m.Start, movieScale), sync: true, entry: 1})
	}
	p.total = max(media.ToTicks(m.End-m.Start, movieScale), p.items[len(p.items)-1].dts+1)
	p.count()
	return p
}

// describeText makes a track one of QuickTime text: its media header and an empty sample description.
func describeText(t *box.TrakBox) {
	gmin := []byte{0, 0, 0, 0, 0, 0x40, 0x80, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0} // mode "dither copy", grey, balance 0
	matrix := make([]byte, 36)
	matrix[1], matrix[17], matrix[32] = 1, 1, 0x40 // the identity
	head := append(encoded(raw("gmin", gmin)), encoded(raw("text", matrix))...)
	t.Mdia.Minf.Children[0] = raw("gmhd", head) // in place of the null media header

	const flagsToName = 44 // display flags … foreground colour, and a name of no letters
	entry := make([]byte, 8+flagsToName)
	entry[7] = 1 // index of the data reference
	t.Mdia.Minf.Stbl.Stsd.AddChild(raw("text", entry))
}

// refer adds a reference from the video track to its chapters (QuickTime File Format, "Track Reference Atoms").
func refer(t *box.TrakBox, chapters uint32) {
	ref := &box.TrefBox{}
	ref.AddChild(&box.TrefTypeBox{Name: "chap", TrackIDs: []uint32{chapters}})
	t.Children = append(t.Children[:1:1], append([]box.Box{ref}, t.Children[1:]...)...) // behind tkhd
}

// nero is the list of chapters that Nero introduced and most other players read: version, flags, a reserved byte and a
// count of four bytes, then for each its begin in 100 ns (8 bytes) and its title with the length before it.
func nero(m Movie) box.Box {
	list := m.chapters()
	if len(list) == 0 {
		return nil
	}
	b := []byte{1, 0, 0, 0, 0, 0, 0, 0, byte(len(list))}
	for _, c := range list {
		b = binary.BigEndian.AppendUint64(b, uint64((c.At-m.Start)/100))
		b = append(b, byte(len(c.Title)))
		b = append(b, c.Title...)
	}
	return raw("chpl", b)
}
