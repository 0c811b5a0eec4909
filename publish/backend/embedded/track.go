package embedded

import (
	"encoding/binary"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/livekit/server-sdk-go/v2/pkg/samplebuilder"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// The clocks of the two tracks in Hz (RFC 6184, 8.2.1; RFC 7587, 4.1).
const (
	videoRate = 90000
	soundRate = 48000
)

const (
	// reorder is how many packets are kept at most while one is missing.
	reorder = 2048
	// patience is how long a missing packet is waited for: a few requests to send it again.
	patience = 500 * time.Millisecond
	// maxUnitBytes and maxUnitPackets bound one access unit: a publisher that never ends one must not fill the memory.
	// A key frame of 4K at 50 Mb/s has about 1 MB.
	maxUnitBytes   = 4 << 20
	maxUnitPackets = 8192
)

// unit is one frame or one Opus packet.
type unit struct {
	rtp int64 // ticks of the track's clock, unwrapped to 64 bits
	// moved is by how many ticks the segmenter has moved rtp, where the publisher's timestamps jumped.
	moved int64
	data  []byte
	lost  bool      // something is missing before it
	at    time.Time // of arrival
	// These are of frames: data are NAL units with their lengths (ISO/IEC 14496-15, 5.3.4.2) without the parameter
	// sets, which a keyframe has here.
	key  bool
	sets parameterSets
}

type parameterSets struct{ sps, pps string }

// assembler puts the packets of one track in order and together. It is used by one goroutine.
type assembler struct {
	video   bool
	builder *samplebuilder.SampleBuilder
	emit    func(unit)
	// blocked is since when packets wait for a missing one.
	blocked time.Time
	pushed  bool
	newest  uint16 // the highest sequence number that came
	begun   bool
	next    uint16 // the sequence number that follows what was taken
	open    openUnit
	lost    bool  // something is missing since the newest unit
	high    int64 // RTP time of the newest unit, unwrapped
	stamped bool  // high is set
	sets    parameterSets
}

func newAssembler(video bool, emit func(unit)) *assembler {
	a := &assembler{video: video, emit: emit}
	if video {
		a.builder = samplebuilder.New(reorder, &codecs.H264Packet{}, videoRate)
	} else {
		a.builder = samplebuilder.New(reorder, &codecs.OpusPacket{}, soundRate)
	}
	return a
}

// push takes a packet as it arrives.
func (a *assembler) push(p *rtp.Packet, at time.Time) {
	if a.pushed && p.SequenceNumber == a.newest {
		return // the builder would take the newest packet, come twice, for one far ahead, and drop all it has
	}
	if !a.pushed || int16(p.SequenceNumber-a.newest) > 0 {
		a.pushed, a.newest = true, p.SequenceNumber
	}
	a.builder.Push(p)
	popped := a.pop(a.builder.PopPackets, at)
	switch {
	case popped:
		a.blocked = time.Time{}
	case a.blocked.IsZero():
		a.blocked = at
	case at.Sub(a.blocked) > patience:
		a.blocked = time.Time{}
		if packets := a.builder.ForcePopPackets(); packets != nil {
			a.assemble(packets, at)
		}
		a.pop(a.builder.PopPackets, at)
	}
}

// flush emits what is whole at the end of the track.
func (a *assembler) flush(at time.Time) {
	a.pop(a.builder.ForcePopPackets, at)
	a.close()
}

func (a *assembler) pop(next func() []*rtp.Packet, at time.Time) (popped bool) {
	for packets := next(); packets != nil; packets = next() {
		a.assemble(packets, at)
		popped = true
	}
	return popped
}

// assemble takes packets in unbroken order. Those without payload are padding by which the server measures the path.
func (a *assembler) assemble(packets []*rtp.Packet, at time.Time) {
	gap := a.begun && packets[0].SequenceNumber != a.next
	a.begun, a.next = true, packets[len(packets)-1].SequenceNumber+1
	if gap { // the end of the open unit is missing, or the beginning of the next
		a.lost, a.open.broken = true, true
	}
	for _, p := range packets {
		if len(p.Payload) == 0 {
			continue
		}
		if !a.open.active || a.open.stamp != p.Timestamp {
			a.close()
			a.open = openUnit{active: true, broken: gap, stamp: p.Timestamp, at: at, video: codecs.H264Packet{IsAVC: true}}
		}
		gap = false
		if a.open.add(a.video, p.Payload); p.Marker || !a.video {
			a.close()
		}
	}
}

// openUnit is a unit whose packets still come.
type openUnit struct {
	active, broken bool
	stamp          uint32
	at             time.Time
	packets, bytes int // received, also of fragments that are not in data yet
	data           []byte
	video          codecs.H264Packet
}

func (o *openUnit) add(video bool, payload []byte) {
	if !video {
		o.data = payload
		return
	}
	o.packets++
	o.bytes += len(payload)
	if o.broken || o.bytes > maxUnitBytes || o.packets > maxUnitPackets {
		o.broken, o.data, o.video = true, nil, codecs.H264Packet{IsAVC: true} // nothing of it is used
		return
	}
	part, err := o.video.Unmarshal(payload)
	if err != nil {
		o.broken = true
		return
	}
	o.data = append(o.data, part...)
}

// close emits the open unit if it is whole.
func (a *assembler) close() {
	o := a.open
	if a.open = (openUnit{}); !o.active {
		return
	}
	if o.broken {
		a.lost = true
		return
	}
	u := unit{data: o.data, at: o.at}
	if u.rtp = a.unwrap(o.stamp); a.video {
		if !a.readFrame(&u) {
			a.lost = true // what follows needs a keyframe of the publisher's own
			return
		}
	}
	if len(u.data) == 0 {
		return // parameter sets alone
	}
	u.lost, a.lost = a.lost, false
	a.emit(u)
}

// unwrap extends a 32-bit RTP time by its nearness to the newest one.
func (a *assembler) unwrap(v uint32) int64 {
	if !a.stamped {
		a.stamped, a.high = true, int64(v)+1<<32 // so that a little earlier is not negative
		return a.high
	}
	a.high += int64(int32(v - uint32(a.high)))
	return a.high
}

// NAL unit types (ITU-T H.264, table 7-1).
const (
	nalIDR       = 5
	nalSPS       = 7
	nalPPS       = 8
	nalDelimiter = 9
	nalFiller    = 12
)

// readFrame takes the parameter sets out and detects a keyframe. Earlier sets stay valid. It returns false for a
// frame that is not the publisher's: when a track is muted or ends, LiveKit sends black frames of 2x2.
func (a *assembler) readFrame(u *unit) bool {
	rest, sets := u.data, a.sets
	out := u.data[:0]
	for len(rest) > 4 {
		n := 4 + int(binary.BigEndian.Uint32(rest))
		if n <= 4 || n > len(rest) {
			break
		}
		nal := rest[:n]
		rest = rest[n:]
		switch nal[4] & 0x1f {
		case nalSPS:
			sets.sps = string(nal[4:])
		case nalPPS:
			sets.pps = string(nal[4:])
		case nalDelimiter, nalFiller:
		default:
			u.key = u.key || nal[4]&0x1f == nalIDR
			out = append(out, nal...)
		}
	}
	if sets.sps != a.sets.sps && !proper(sets.sps) {
		return false
	}
	a.sets = sets
	u.data, u.sets = out, sets
	return true
}

// proper reports whether a sequence parameter set is readable and of a frame of one macroblock at least.
func proper(sps string) bool {
	var v h264.SPS
	return v.Unmarshal([]byte(sps)) == nil && v.Width() >= 16 && v.Height() >= 16
}
