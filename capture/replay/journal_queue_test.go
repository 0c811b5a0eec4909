package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// What describes the sound comes before its first packet, also where it found the queue full.
func TestTheSoundsDescriptionIsNotLost(t *testing.T) {
	j := &Journal{queue: make(chan record, 2)} // nobody writes
	sound := &media.Packet{Track: media.AAC, Config: []byte{0x11, 0x90}, Data: []byte{1}}
	video := &media.Packet{Track: media.Video, Key: true, Data: []byte{2}}
	next := func() byte { return (<-j.queue).kind }
	j.Write(video)
	j.Write(video)
	j.Write(sound)
	require.Equal(t, []byte{kindVideo, kindVideo}, []byte{next(), next()})
	j.Write(sound)
	require.Len(t, j.queue, 2)
	require.Equal(t, []byte{kindConfig, kindSound}, []byte{next(), next()})
	j.Write(sound)
	require.Equal(t, byte(kindSound), next(), "once is enough")
}
