package source

import (
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// mostGain bounds what is made up for: 40 dB, a speaker at 22 %. Below that little is left of the server's 16 bits.
	mostGain = 100
	// hasVolume and hasMute are flags of sinks whose hardware does that (PulseAudio, pulse/def.h,
	// PA_SINK_HW_VOLUME_CTRL and PA_SINK_HW_MUTE_CTRL).
	hasVolume, hasMute = 0x1, 0x10
)

// weight is what a monitor's sound has to be multiplied with, on the left and on the right, to be as loud as if its
// sink's volume was 100 %.
type weight struct {
	gain [media.Channels]float32
	note error // nil where that is exact
}

// makeUp decides how to make up for a sink's volume. PulseAudio applies volume and mute in software, before the
// monitor gets the sound, unless the hardware does it (pulsecore/sink.c, pa_sink_render); PipeWire does so only where
// a property says it.
func makeUp(sink *proto.GetSinkInfoReply, pipewire bool) weight {
	l := weight{gain: [media.Channels]float32{1, 1}}
	if p, ok := sink.Properties["monitor.channel-volumes"]; pipewire && (!ok || p.String() != "true") {
		return l
	}
	if sink.Mute && sink.Flags&hasMute == 0 {
		l.note = ErrSpeakerMuted
		return l
	}
	if sink.Flags&hasVolume != 0 || len(sink.ChannelVolumes) == 0 {
		return l
	}
	volumes := sink.ChannelVolumes
	if len(volumes) != media.Channels { // the server mixes them down; their common volume counts
		loudest := uint32(0)
		for _, v := range volumes {
			loudest = max(loudest, v)
		}
		volumes = proto.ChannelVolumes{loudest, loudest}
	}
	if max(volumes[0], volumes[1]) == 0 {
		l.note = ErrSpeakerMuted
		return l
	}
	for i, v := range volumes {
		linear := float32(v) / volumeNorm
		linear *= linear * linear // pulse/volume.c, pa_sw_volume_to_linear
		if linear*mostGain >= 1 {
			l.gain[i] = 1 / linear
			continue
		}
		l.gain[i] = mostGain
		l.note = ErrSpeakerLow
	}
	return l
}

// weigh asks for the volume of the sink behind a monitor. Where the server does not say, what was known stays.
func (s *server) weigh(monitor string) {
	var info proto.GetServerInfoReply
	var source proto.GetSourceInfoReply
	var sink proto.GetSinkInfoReply
	if s.client.Request(&proto.GetServerInfo{}, &info) != nil ||
		s.client.Request(&proto.GetSourceInfo{SourceIndex: proto.Undefined, SourceName: monitor}, &source) != nil ||
		s.client.Request(&proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: source.MonitorSourceName}, &sink) != nil {
		return
	}
	l := makeUp(&sink, strings.Contains(info.PackageName, "PipeWire"))
	s.weight.Store(&l)
	media.Poke(s.weighed)
}

// amplifier makes up for a volume that may change. It is used by one goroutine.
type amplifier struct{ gain [media.Channels]float32 }

// amplify brings a block to its weight; a change is a ramp over the block. Nothing leaves full scale, where the
// server has turned its volume up and not yet said so.
func (a *amplifier) amplify(samples []float32, to *weight) {
	want := [media.Channels]float32{1, 1}
	if to != nil {
		want = to.gain
	}
	if a.gain[0] == 0 { // the first block
		a.gain = want
	}
	from := a.gain
	a.gain = want
	if from == want && want == [media.Channels]float32{1, 1} {
		return
	}
	frames := len(samples) / media.Channels
	for c := range media.Channels {
		step := (want[c] - from[c]) / float32(frames)
		for i := range frames {
			v := &samples[i*media.Channels+c]
			*v = min(max(*v*(from[c]+step*float32(i+1)), -1), 1)
		}
	}
}
