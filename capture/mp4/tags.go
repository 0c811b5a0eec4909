package mp4

import (
	"bytes"
	"encoding/binary"

	box "github.com/Eyevinn/mp4ff/mp4"
)

// toolName is what the files of this program say they were made with. Only files that say so are ever deleted or
// changed by it.
const toolName = "Hindsight"

// Tags of our own (QuickTime File Format, iTunes' "----" items). The star is one byte of text that is changed in place.
const (
	tagMean                           = "app.hindsight"
	starName, programName, originName = "starred", "program", "origin"
	starOff, starOn                   = '0', '1'
	// mostTag bounds the text of a tag in bytes.
	mostTag = 256
)

// Types of metadata values (QuickTime File Format, "Well-Known Types").
const (
	typeUTF8 = 1
	typeJPEG = 13
)

// raw is a box of bytes.
func raw(name string, payload []byte) box.Box {
	return box.CreateUnknownBox(name, uint64(8+len(payload)), payload)
}

func encoded(b box.Box) []byte {
	var buf bytes.Buffer
	_ = b.Encode(&buf) // a Buffer takes everything
	return buf.Bytes()
}

// value is a metadata value: its type, no locale, and the bytes.
func value(kind uint32, data []byte) []byte {
	return encoded(raw("data", append(binary.BigEndian.AppendUint32(nil, kind), append(make([]byte, 4), data...)...)))
}

// tag is an item of our own with a text.
func tag(name, text string) box.Box {
	full := func(text string) []byte { return append(make([]byte, 4), text...) } // version and flags, then the text
	b := encoded(raw("mean", full(tagMean)))
	b = append(b, encoded(raw("name", full(name)))...)
	return raw("----", append(b, value(typeUTF8, []byte(text))...))
}

// userData is the movie's chapters for other players, what made it, and its tags.
func userData(m Movie) (*box.UdtaBox, *box.IlstBox) {
	star := string(starOff)
	if m.starred {
		star = string(starOn)
	}
	list := &box.IlstBox{}
	list.AddChild(raw("\xa9too", value(typeUTF8, []byte(toolName))))
	if m.Title != "" && len(m.Title) <= mostTag {
		list.AddChild(raw("\xa9nam", value(typeUTF8, []byte(m.Title))))
	}
	list.AddChild(tag(starName, star))
	for _, t := range []struct{ name, text string }{{programName, m.Program}, {originName, m.Origin}} {
		if t.text != "" && len(t.text) <= mostTag {
			list.AddChild(tag(t.name, t.text))
		}
	}
	if m.ReserveCover {
		list.AddChild(raw("free", make([]byte, coverBox-8)))
	}
	head := []byte{0, 0, 0, 0, 0, 0, 0, 0}
	head = append(head, "mdirappl"...)
	head = append(head, make([]byte, 9)...)
	meta := &box.MetaBox{}
	meta.AddChild(raw("hdlr", head))
	meta.AddChild(list)
	user := &box.UdtaBox{}
	if chapters := nero(m); chapters != nil {
		user.AddChild(chapters)
	}
	user.AddChild(meta)
	return user, list
}

// addCover puts a JPEG image where players look for a cover.
func addCover(list *box.IlstBox, jpeg []byte) { list.AddChild(raw("covr", value(typeJPEG, jpeg))) }
