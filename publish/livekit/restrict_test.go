package livekit

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/bits"
	"github.com/stretchr/testify/require"
)

// spsOf writes an SPS of 320x180 at one reference frame, with or without a VUI that says nothing but the frame rate.
func spsOf(t *testing.T, vui bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := bits.NewEBSPWriter(&out)
	w.Write(0x6742001e, 32)
	for _, v := range []uint{0, 0, 0, 0, 1} { // id, frame numbers, order by its own number, reference frames
		w.WriteExpGolomb(v)
	}
	w.Write(0, 1)
	w.WriteExpGolomb(19)
	w.WriteExpGolomb(11)
	w.Write(0b111, 3) // frames only, direct inference, cropping
	for _, v := range []uint{0, 0, 0, 6} {
		w.WriteExpGolomb(v)
	}
	if vui {
		w.Write(1, 1)
		w.Write(0b00001, 5)
		w.Write(1, 32) // a zero run that has to be escaped
		w.Write(60, 32)
		w.Write(1, 1)
		w.Write(0, 4)
	} else {
		w.Write(0, 1)
	}
	w.WriteRbspTrailingBits()
	require.NoError(t, w.AccError())
	return out.Bytes()
}

// An SPS without the restriction gets it and keeps all else; one that has it, or cannot be read, stays.
func TestAnSPSSaysThatNothingIsReordered(t *testing.T) {
	for _, vui := range []bool{false, true} {
		before := spsOf(t, vui)
		was, err := avc.ParseSPSNALUnit(before, true)
		require.NoError(t, err)
		require.Equal(t, vui, was.VUI != nil)
		after := restricted(before)
		require.Equal(t, after, restricted(after))
		is, err := avc.ParseSPSNALUnit(after, true)
		require.NoError(t, err)
		require.Equal(t, []uint{320, 180, 1}, []uint{is.Width, is.Height, is.NumRefFrames})
		require.True(t, is.VUI.BitstreamRestrictionFlag)
		require.Zero(t, is.VUI.MaxNumReorderFrames)
		require.EqualValues(t, 1, is.VUI.MaxDecFrameBuffering)
		require.Equal(t, vui, is.VUI.TimingInfoPresentFlag)
		if vui {
			require.EqualValues(t, 60, is.VUI.TimeScale)
			require.EqualValues(t, 1, is.VUI.NumUnitsInTick)
		}
	}
	require.Equal(t, []byte{0x67, 1, 2}, restricted([]byte{0x67, 1, 2}))
}
