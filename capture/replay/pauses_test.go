package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

func TestPausesAreTakenOutOfTheTimeLine(t *testing.T) {
	const s = time.Second
	var p Pauses
	keep := func(at time.Duration, track media.Track, key bool) (time.Duration, bool) {
		in := &media.Packet{Track: track, PTS: at, DTS: at, Key: key}
		out, want := p.Keep(in)
		require.Equal(t, at, in.PTS, "others see the packet as it is")
		if out == nil {
			return -1, want
		}
		require.Equal(t, out.PTS, out.DTS)
		return out.PTS, want
	}
	expect := func(at time.Duration, track media.Track, key bool, want time.Duration, wantKey bool) {
		t.Helper()
		got, k := keep(at, track, key)
		require.Equal(t, want, got)
		require.Equal(t, wantKey, k)
	}
	expect(10*s, media.Video, false, 10*s, false)
	p.Begin(11*s, PauseAsked)
	p.Begin(12*s, PauseAsked)
	expect(11*s-1, media.Video, false, 11*s-1, false) // encoded late
	expect(11*s, media.Video, true, -1, false)
	require.Equal(t, 11*s, p.At(30*s))
	p.End(31*s, PauseAsked)
	p.End(40*s, PauseAsked)
	expect(30*s, media.AAC, true, -1, false)
	expect(31*s, media.Video, false, -1, true)
	expect(31*s, media.AAC, true, 11*s, false)
	expect(32*s, media.Video, true, 12*s, false)
	expect(33*s, media.Video, false, 13*s, false)
	require.Equal(t, []time.Duration{5 * s, 11 * s, 14 * s}, []time.Duration{p.At(5 * s), p.At(20 * s), p.At(34 * s)})
	p.Begin(35*s, PauseAsked)
	p.End(45*s, PauseAsked)
	expect(35*s-1, media.AAC, true, 15*s-1, false)
	expect(45*s, media.Video, true, 15*s, false)
	require.Equal(t, 16*s, p.At(46*s))
	require.Equal(t, []time.Duration{10 * s, 11 * s, 12 * s, 15 * s},
		[]time.Duration{p.At(10 * s), p.At(20 * s), p.At(32 * s), p.At(40 * s)}, "whatever came since")
	for at := 100 * s; at < 10_100*s; at += 10 * s {
		p.Begin(at, PauseGone)
		p.End(at+9*s, PauseGone)
	}
	require.Equal(t, 70*s+1000*s, p.At(10_100*s))
	require.Equal(t, 70*s+950*s, p.At(9605*s))
	require.Len(t, p.ended, remembered, "they take no more memory the longer it runs")
}
