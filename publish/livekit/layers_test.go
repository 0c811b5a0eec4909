package livekit

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// stepper plays estimates to a split, ten a second.
type stepper struct {
	*split
	now time.Time
}

func newStepper() *stepper {
	s := newSplit(newRateControl(1500, 6000), newRateControl(250, 1000), true)
	return &stepper{&s, time.Unix(1e9, 0)}
}

// play passes time at an estimate and returns what it was last asked to rise to.
func (s *stepper) play(kbps int, length time.Duration) (raise int) {
	for end := s.now.Add(length); s.now.Before(end); s.now = s.now.Add(100 * time.Millisecond) {
		if r := s.step(s.now, kbps); r > 0 {
			raise = r
		}
	}
	return raise
}

func (s *stepper) want(t *testing.T, full, low int, sends bool) {
	t.Helper()
	require.Equal(t, []int{full, low}, []int{s.full.current, s.low.current})
	require.Equal(t, sends, s.sends(fullLayer))
	require.True(t, s.sends(lowLayer))
}

// The low layer comes first, the full one gets the rest, and where that is too little it rests.
func TestTheEstimateIsDivided(t *testing.T) {
	s := newStepper()
	s.play(20000, time.Second)
	s.want(t, 6000, 1000, true)
	s.play(4000, time.Second)
	s.want(t, 4000-1000-soundShare, 1000, true)
	s.play(2500, time.Second)
	s.want(t, 1500, 1000, true) // the estimate is a little short of both
	s.play(2200, starveAfter/2)
	s.want(t, 1500, 1000, true) // for a moment
	s.play(2200, starveAfter)
	s.want(t, 6000, 1000, false) // the local replay has its bitrate back
	s.play(600, time.Second)
	s.want(t, 6000, 600-soundShare, false)
	s.play(20, time.Second)
	s.want(t, 6000, 250, false)
}

// A full layer that rests is tried again, ever more seldom while that fails, and stays where it does not.
func TestTheFullLayerIsTriedAgain(t *testing.T) {
	s := newStepper()
	starve := func() {
		s.play(1200, starveAfter+time.Second)
		require.False(t, s.sends(fullLayer))
	}
	starve()
	for _, pause := range []time.Duration{retryFirst, 2 * retryFirst, 4 * retryFirst} {
		require.Zero(t, s.play(1200, pause-2*time.Second))
		require.False(t, s.sends(fullLayer), "it is tried too soon")
		for raised := 0; raised == 0; { // time of its own: it ends with the pause
			raised = s.play(1200, 100*time.Millisecond)
			if raised > 0 {
				require.InDelta(t, trialRoom*(1000+soundShare+1500), raised, 1)
			}
		}
		require.True(t, s.sends(fullLayer))
		require.Equal(t, 1500, s.full.current)
		s.play(2700, time.Second)
		require.True(t, s.sends(fullLayer), "the raised estimate lets it be tried")
		s.play(1200, failAfter+200*time.Millisecond)
		require.False(t, s.sends(fullLayer), "a try that fails ends soon")
	}
	require.Positive(t, s.play(9000, retryLongest))
	s.want(t, 6000, 1000, true)
	starve()
	s.play(1200, retryFirst-2*time.Second)
	require.False(t, s.sends(fullLayer))
	require.Positive(t, s.play(1200, 3*time.Second), "after a success the first pause is short again")
}

// What the server has no use for is not sent, but for what is recorded; it does not count for the other layer either.
func TestLayersOutOfUse(t *testing.T) {
	s := newStepper()
	s.wanted[lowLayer] = false
	s.play(3000, time.Second)
	require.False(t, s.sends(lowLayer))
	require.Equal(t, 3000-soundShare, s.full.current)
	s.play(500, time.Minute)
	require.True(t, s.sends(fullLayer), "the only layer does not rest")

	s.wanted = [layerCount]bool{lowLayer: true}
	require.False(t, s.sends(fullLayer))
	s.recorded = true
	require.True(t, s.sends(fullLayer))

	one := newSplit(newRateControl(1500, 6000), rateControl{}, false)
	one.wanted = [layerCount]bool{}
	require.True(t, one.sends(fullLayer), "a single layer is always sent")
	require.False(t, one.sends(lowLayer))
}

// The server's word on a layer comes by the client's log, whatever becomes of that. A layer that is off sends nothing,
// and begins with a keyframe.
func TestTheServersWordOnALayer(t *testing.T) {
	asked := [layerCount]int{}
	s, err := New(Options{MinKbps: 1000, MaxKbps: 8000, OnKeyframe: func() { asked[fullLayer]++ },
		Log: slog.New(slog.DiscardHandler),
		Low: &LowLayer{MinKbps: 100, MaxKbps: 500, OnKeyframe: func() { asked[lowLayer]++ }}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	say := func(q livekit.VideoQuality, on bool) {
		s.clientLogger().WithValues("isLocal", true).Infow(layerLog, "trackID", "TR_x", "quality", q, "enabled", on)
	}
	say(livekit.VideoQuality_LOW, false)
	require.False(t, s.WantsLow())
	require.NoError(t, s.WriteLow(&media.Packet{Track: media.Video, Key: true}))
	require.True(t, s.low.needKey.Load())
	say(livekit.VideoQuality_MEDIUM, false)
	full, low := s.Layers()
	require.False(t, full || low)
	s.SetRecorded(true)
	full, low = s.Layers()
	require.True(t, full && !low)
	say(livekit.VideoQuality_LOW, true)
	require.True(t, s.WantsLow())
	require.Equal(t, [layerCount]int{1, 1}, asked)
}

// The packets of layers leave again as they were.
func TestLayersAreResentAsTheyWere(t *testing.T) {
	r := newResender(7, 97, 1000)
	r.same = true
	sent := &rtp.Header{Version: 2, SSRC: 5, PayloadType: 96, SequenceNumber: 42, Timestamp: 90}
	require.NoError(t, number(sent, 3, 900))
	start := time.Unix(1e9, 0)
	r.left(start, 900, sent, []byte("payload"))
	p := r.reported(start.Add(time.Second/10), 900, false)
	require.NotNil(t, p)
	h, payload := r.retransmission(p)
	require.Equal(t, *sent, *h)
	require.Equal(t, "payload", string(payload))
	require.False(t, r.late(start.Add(time.Minute), time.Second/10), "nobody would say that it arrived")
	require.Nil(t, r.asked(start.Add(time.Second/10+time.Millisecond), 42, time.Second/10), "a copy is under way")
	require.NotNil(t, r.asked(start.Add(time.Second/2), 42, time.Second/10))
}
