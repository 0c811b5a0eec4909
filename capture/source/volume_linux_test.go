package source

import (
	"testing"

	"github.com/jfreymuth/pulse/proto"
	"github.com/stretchr/testify/require"
)

func TestVolumesAreMadeUpFor(t *testing.T) {
	half := proto.ChannelVolumes{volumeNorm / 2, volumeNorm / 2}
	monitored := proto.PropList{"monitor.channel-volumes": proto.PropListString("true")}
	for name, c := range map[string]struct {
		sink     proto.GetSinkInfoReply
		pipewire bool
		left     float32
		right    float32
		note     error
	}{
		"full": {proto.GetSinkInfoReply{ChannelVolumes: proto.ChannelVolumes{volumeNorm, volumeNorm}},
			false, 1, 1, nil},
		"half": {proto.GetSinkInfoReply{ChannelVolumes: half}, false, 8, 8, nil},
		"balance": {proto.GetSinkInfoReply{ChannelVolumes: proto.ChannelVolumes{volumeNorm / 2,
			volumeNorm}}, false, 8, 1, nil},
		"amplified": {proto.GetSinkInfoReply{ChannelVolumes: proto.ChannelVolumes{2 * volumeNorm,
			volumeNorm}}, false, 0.125, 1, nil},
		"six channels": {proto.GetSinkInfoReply{ChannelVolumes: append(append(half, half...), half...)}, false,
			8, 8, nil},
		"low": {proto.GetSinkInfoReply{ChannelVolumes: proto.ChannelVolumes{volumeNorm / 10,
			volumeNorm / 10}}, false, 100, 100, ErrSpeakerLow},
		"zero": {proto.GetSinkInfoReply{ChannelVolumes: proto.ChannelVolumes{0, 0}}, false, 1, 1,
			ErrSpeakerMuted},
		"muted": {proto.GetSinkInfoReply{ChannelVolumes: half, Mute: true}, false, 1, 1, ErrSpeakerMuted},
		"hardware": {proto.GetSinkInfoReply{ChannelVolumes: half, Mute: true, Flags: hasVolume | hasMute},
			false, 1, 1, nil},
		"PipeWire":                  {proto.GetSinkInfoReply{ChannelVolumes: half, Mute: true}, true, 1, 1, nil},
		"PipeWire with its volumes": {proto.GetSinkInfoReply{ChannelVolumes: half, Properties: monitored}, true, 8, 8, nil},
	} {
		l := makeUp(&c.sink, c.pipewire)
		require.InDelta(t, c.left, l.gain[0], 1e-3, name)
		require.InDelta(t, c.right, l.gain[1], 1e-3, name)
		require.Equal(t, c.note, l.note, name)
	}
}
