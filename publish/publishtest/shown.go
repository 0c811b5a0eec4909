package publishtest

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Shown is a frame that a viewer's decoder can show, all it depends on being there.
type Shown struct {
	// RTP is its time stamp in ticks of 90 kHz, Bytes the size of its RTP payloads.
	RTP   uint32
	Bytes int
	Key   bool
	// At is when the last packet that it needed came.
	At time.Time
}

// Shown lists the frames of a video stream as they could be shown: each once it is complete and those before it back to
// a keyframe have been, or a complete keyframe without them. Frames that were passed over are missing. The frame
// buffers of browsers do the same.
func (st *Stream) Shown() []Shown {
	st.mu.Lock()
	packets, arrived := slices.Clone(st.packets), slices.Clone(st.arrived)
	st.mu.Unlock()
	return shown(packets, arrived)
}

// decodable walks the packets of a stream in the order of their numbers.
type decodable struct {
	packets map[int64]*rtp.Packet // by number, without wrapping
	highest int64
	next    int64 // where the frame after the last one shown begins; 0 before the first
	keys    []int64
}

// shown takes packets in the order they came in.
func shown(packets []*rtp.Packet, arrived []time.Time) []Shown {
	var out []Shown
	d := decodable{packets: map[int64]*rtp.Packet{}}
	for i, p := range packets {
		d.add(p)
		for {
			frame, end, ok := d.following()
			if !ok {
				break
			}
			d.next = end + 1
			frame.At = arrived[i]
			if frame.Bytes > 0 { // a server may fill up with padding
				out = append(out, frame)
			}
		}
	}
	return out
}

func (d *decodable) add(p *rtp.Packet) {
	number := int64(1<<32) + int64(p.SequenceNumber)
	if d.highest != 0 {
		number = d.highest + int64(int16(p.SequenceNumber-uint16(d.highest)))
	}
	d.highest = max(d.highest, number)
	d.packets[number] = p
	if beginsKey(p.Payload) {
		d.keys = append(d.keys, number)
	}
}

// following is the next frame that can be shown, and the number of its last packet.
func (d *decodable) following() (Shown, int64, bool) {
	if d.next != 0 {
		if frame, end, ok := d.frame(d.next); ok {
			return frame, end, true
		}
	}
	for i, key := range d.keys {
		if key <= d.next {
			continue
		}
		if frame, end, ok := d.frame(key); ok {
			d.keys = d.keys[i+1:]
			return frame, end, true
		}
	}
	return Shown{}, 0, false
}

// frame is the frame that begins at a packet, if it is whole.
func (d *decodable) frame(from int64) (Shown, int64, bool) {
	var f Shown
	for number := from; ; number++ {
		p := d.packets[number]
		if p == nil {
			return Shown{}, 0, false
		}
		f.RTP = p.Timestamp
		f.Bytes += len(p.Payload)
		f.Key = f.Key || beginsKey(p.Payload)
		if p.Marker || len(p.Payload) == 0 {
			return f, number, true
		}
	}
}

// beginsKey tells whether a keyframe of ours begins with this packet: its parameter sets, alone or aggregated (RFC
// 6184, 5.7.1).
func beginsKey(payload []byte) bool {
	const stapA = 24
	if len(payload) == 0 {
		return false
	}
	kind := payload[0] & 0x1f
	if kind == stapA && len(payload) > 3 {
		kind = payload[3] & 0x1f
	}
	return kind == media.NALSPS
}
