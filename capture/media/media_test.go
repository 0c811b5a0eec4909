package media_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

func TestSplitAndJoinAnnexB(t *testing.T) {
	in := []byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x65, 3, 0, 0, 3, 1}
	nals := media.SplitAnnexB(in)
	require.Equal(t, [][]byte{{9, 0xf0}, {0x67, 1, 2}, {0x65, 3, 0, 0, 3, 1}}, nals)
	require.Equal(t, media.NALSPS, media.NALType(nals[1]))
	data, units := media.JoinAnnexB(nals)
	require.Equal(t, nals, units)
	require.Equal(t, nals, media.SplitAnnexB(data))
	require.Empty(t, media.SplitAnnexB([]byte{1, 2, 3}))
	require.Empty(t, media.SplitAnnexB(nil))
}

func FuzzSplitAnnexB(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 9, 0, 0, 1, 5, 5})
	f.Add([]byte{0, 0, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		nals := media.SplitAnnexB(in)
		for _, n := range nals {
			if len(n) == 0 || bytes.Contains(n, []byte{0, 0, 1}) || n[len(n)-1] == 0 {
				t.Fatalf("%x is no NAL unit", n)
			}
		}
		data, _ := media.JoinAnnexB(nals)
		again := media.SplitAnnexB(data)
		if len(again) != len(nals) {
			t.Fatalf("%d units became %d", len(nals), len(again))
		}
	})
}

func TestSampleTimes(t *testing.T) {
	require.Equal(t, 20*time.Millisecond, media.SamplesToDuration(960))
	require.Equal(t, 960, media.DurationToSamples(20*time.Millisecond))
	require.Equal(t, 1024, media.DurationToSamples(media.SamplesToDuration(1024)))
	require.Equal(t, 20*time.Millisecond, media.PCM{Samples: make([]float32, 1920)}.Duration())
}

func TestNamesOfStates(t *testing.T) {
	for _, s := range media.SourceStates() {
		got, err := media.ParseSourceState(s.String())
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	for _, r := range media.AwayReasons() {
		got, err := media.ParseAwayReason(r.String())
		require.NoError(t, err)
		require.Equal(t, r, got)
	}
	_, err := media.ParseSourceState("dead")
	require.EqualError(t, err, `the state of a source is "dead"; `+
		"it must be off, starting, running, waiting, paused or failed")
	_, err = media.ParseAwayReason("")
	require.ErrorContains(t, err, "closed, minimized or disconnected")
}
