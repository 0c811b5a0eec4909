package hls

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Stream types of a program map (ISO/IEC 13818-1, table 2-34).
const (
	typeAAC  = 0x0f
	typeH264 = 0x1b
)

// unit is what one PES packet holds. Data is the unit's own.
type unit struct {
	kind     byte
	pts, dts int64 // in ticks of tsClock
	data     []byte
}

// errPacket says that a packet is damaged and was left out.
var errPacket = errors.New("damaged packet")

// transport takes PES packets out of MPEG-TS (ISO/IEC 13818-1, 2.4.3). go-astits does the same, but copies all of a PES
// packet whose length is not given for each of its transport packets, so that large frames take it seconds.
type transport struct {
	r      *bufio.Reader
	packet [packetSize]byte
	maps   map[uint16]bool
	pids   map[uint16]*elementary
	ended  []*elementary // at the end of the file
	over   bool
}

// elementary is one stream.
type elementary struct {
	kind  byte
	data  []byte // of the PES packet that is being read
	open  bool
	count byte // continuity counter of the last packet
}

func newTransport(r io.Reader) *transport {
	return &transport{r: bufio.NewReaderSize(r, readAhead), maps: map[uint16]bool{}, pids: map[uint16]*elementary{}}
}

// next returns the next unit, io.EOF at the end, errPacket for a damaged packet, or why reading failed.
func (t *transport) next() (unit, error) {
	for !t.over {
		_, err := io.ReadFull(t.r, t.packet[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.over = true
			for _, e := range t.pids {
				t.ended = append(t.ended, e)
			}
			break
		}
		if err != nil {
			return unit{}, err
		}
		if u, ok, err := t.take(t.packet[:]); ok || err != nil {
			return u, err
		}
	}
	for len(t.ended) > 0 {
		e := t.ended[0]
		t.ended = t.ended[1:]
		if u, ok := e.flush(); ok {
			return u, nil
		}
	}
	return unit{}, io.EOF
}

// content is what a transport packet has of a stream or a table, maybe nothing; begins says that it is a beginning.
func content(p []byte) (pid uint16, begins bool, payload []byte, err error) {
	if p[0] != 0x47 || p[1]&0x80 != 0 {
		return 0, false, nil, errPacket
	}
	pid, begins, payload = binary.BigEndian.Uint16(p[1:])&0x1fff, p[1]&0x40 != 0, p[4:]
	field := p[3] >> 4 & 3
	if field&2 != 0 { // an adaptation field
		n := 1 + int(payload[0])
		if n > len(payload) {
			return 0, false, nil, errPacket
		}
		payload = payload[n:]
	}
	if field&1 == 0 {
		payload = nil
	}
	return pid, begins, payload, nil
}

// take reads one packet; ok is true if it completes a unit.
func (t *transport) take(p []byte) (u unit, ok bool, err error) {
	pid, begins, payload, err := content(p)
	if err != nil || len(payload) == 0 {
		return u, false, err
	}
	if t.table(pid, begins, payload) {
		return u, false, nil
	}
	e := t.pids[pid]
	if e == nil {
		return u, false, nil
	}
	count := p[3] & 0x0f
	if e.open && count == e.count {
		return u, false, nil // sent twice
	}
	if e.open && count != (e.count+1)&0x0f {
		e.open = false // a part is missing
	}
	e.count = count
	if begins {
		u, ok = e.flush()
		e.open, e.data = true, e.data[:0]
	}
	if e.open {
		e.data = append(e.data, payload...)
	}
	return u, ok, nil
}

// table reads what a packet has of a table, and reports whether it is of one.
func (t *transport) table(pid uint16, begins bool, payload []byte) bool {
	if pid != 0 && !t.maps[pid] {
		return false
	}
	if begins {
		t.section(pid, payload)
	}
	return true
}

// section reads a program association or a program map (2.4.4), of which recorders write such as fit one packet.
func (t *transport) section(pid uint16, b []byte) {
	if 1+int(b[0])+12 > len(b) {
		return
	}
	b = b[1+int(b[0]):]
	length := 3 + int(binary.BigEndian.Uint16(b[1:])&0x0fff)
	if length > len(b) || length < 12 {
		return
	}
	id, end := b[0], length-4 // before the checksum
	if pid == 0 && id == 0 {
		for at := 8; at+4 <= end; at += 4 {
			t.maps[binary.BigEndian.Uint16(b[at+2:])&0x1fff] = true
		}
	}
	if pid == 0 || id != 2 {
		return
	}
	for at := 12 + int(binary.BigEndian.Uint16(b[10:])&0x0fff); at+5 <= end; {
		stream := binary.BigEndian.Uint16(b[at+1:]) & 0x1fff
		if t.pids[stream] == nil {
			t.pids[stream] = &elementary{}
		}
		t.pids[stream].kind = b[at]
		at += 5 + int(binary.BigEndian.Uint16(b[at+3:])&0x0fff)
	}
}

// times are those of a PES packet's header (2.4.3.6); ok is false if it has none.
func times(b []byte) (pts, dts int64, ok bool) {
	if len(b) < 14 || !bytes.Equal(b[:3], []byte{0, 0, 1}) || b[6]>>6 != 2 || b[7]&0x80 == 0 {
		return 0, 0, false
	}
	pts = timestamp(b[9:])
	if b[7]&0x40 != 0 && len(b) >= 19 {
		return pts, timestamp(b[14:]), true
	}
	return pts, pts, true
}

// flush returns the unit that is complete.
func (e *elementary) flush() (unit, bool) {
	b := e.data
	pts, dts, ok := times(b)
	if !e.open || !ok {
		return unit{}, false
	}
	e.open = false
	start, end := 9+int(b[8]), len(b)
	if n := int(binary.BigEndian.Uint16(b[4:])); n > 0 {
		if end < 6+n {
			return unit{}, false // the end is missing
		}
		end = 6 + n
	}
	if start > end {
		return unit{}, false
	}
	return unit{kind: e.kind, pts: pts, dts: dts, data: bytes.Clone(b[start:end])}, true
}

// timestamp is 33 bits in 5 bytes.
func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}
