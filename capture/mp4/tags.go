package mp4

import (
	"bytes"
	"encoding/binary"

	box "github.com/Eyevinn/mp4ff/mp4"
)

// toolName is what the files of this program say they were made with. Only files that say so are ever deleted or
// changed by it.
const toolName = "Hindsight"

// The star lies in a tag of its own (QuickTime File Format, iTunes' "----" items), one byte of text that is changed in
// place.
const (
	starMean, starName = "app.hindsight", "starred"
	starOff, starOn    = '0', '1'
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

// userData is the movie's chapters for other players, what made it, and its star.
func userData(m Movie) (*box.UdtaBox, *box.IlstBox) {
	full := func(text string) []byte { return append(make([]byte, 4), text...) } // version and flags, then the text
	set := byte(starOff)
	if m.starred {
		set = starOn
	}
	star := encoded(raw("mean", full(starMean)))
	star = append(star, encoded(raw("name", full(starName)))...)
	star = append(star, value(typeUTF8, []byte{set})...)
	list := &box.IlstBox{}
	list.AddChild(raw("\xa9too", value(typeUTF8, []byte(toolName))))
	list.AddChild(raw("----", star))
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
