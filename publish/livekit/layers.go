package livekit

import (
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"

	"github.com/hindsight-app/hindsight/capture/media"
)

// layer is one of the encodes of the screen that make up the video track.
type layer int

const (
	fullLayer layer = iota
	lowLayer        // only with Options.Low
	layerCount
)

// quality is a layer's name in the room. Two layers are called low and medium, as livekit-client does, and the server
// gives the medium one to viewers who ask for more.
func (l layer) quality() livekit.VideoQuality {
	if l == lowLayer {
		return livekit.VideoQuality_LOW
	}
	return livekit.VideoQuality_MEDIUM
}

// simulcastID is what the layers of the track have in common; the client makes it the ids of track and stream.
const simulcastID = "screen"

// layerOption makes a track one of the layers.
func layerOption(l layer, info media.TrackInfo) lksdk.LocalTrackOptions {
	return lksdk.WithSimulcast(simulcastID, &livekit.VideoLayer{Quality: l.quality(),
		Width: uint32(info.Width), Height: uint32(info.Height), Bitrate: uint32(info.BitrateKbps) * 1000})
}

// LowLayer is a second, smaller encode of the frames.
type LowLayer struct {
	// Video describes it.
	Video media.TrackInfo
	// MinKbps and MaxKbps bound what OnBitrate is asked for, in kb/s.
	MinKbps, MaxKbps int
	// OnKeyframe and OnBitrate are those of Options, for this layer.
	OnKeyframe func()
	OnBitrate  func(kbps int)
}

const (
	// starveAfter is how long the estimate may fall short of the full layer's least bitrate until it is no longer sent,
	// failAfter the same while it is tried again.
	starveAfter, failAfter = 2 * time.Second, 500 * time.Millisecond
	// starveBelow is the share of that bitrate which the estimate must reach.
	starveBelow = 0.9
	// retryFirst and retryLongest bound the time until it is tried again. That time doubles with each try that fails: the
	// path has not carried the layer for trialTime then.
	retryFirst, retryLongest = 10 * time.Second, 2 * time.Minute
	trialTime                = 10 * time.Second
	// trialRoom is how much more than the least of both layers the estimate is raised to for a try, so that not the first
	// doubt ends it.
	trialRoom = 1.25
)

// split divides what the path carries among the layers: the low one comes first, the full one gets the rest. Where the
// rest is less than the full one's least, that one is not sent, so that not both starve, and tried again after a while:
// what is not sent cannot show that the path would carry it. It only decides; the Session locks around it.
type split struct {
	full, low rateControl
	layered   bool
	// viewed is whether somebody else is in the room, who might need the low layer.
	viewed bool
	// starved says that the path does not carry the full layer.
	starved bool
	short   time.Time     // since when the estimate has not sufficed; zero while it does
	tryAt   time.Time     // when it is tried again
	tried   time.Time     // when it was; zero once it succeeded
	pause   time.Duration // before the next try
}

func newSplit(full, low rateControl, layered bool) split {
	return split{full: full, low: low, layered: layered, viewed: true, pause: retryFirst}
}

// sends says whether a layer is sent.
func (s *split) sends(l layer) bool {
	switch {
	case !s.layered:
		return l == fullLayer
	case l == lowLayer:
		return s.viewed
	}
	return !s.starved
}

// bounds are those of the estimate in kb/s. It may rise above the bitrates, to leave room for headers, sound and what
// an encoder overshoots.
func (s *split) bounds() (minimum, maximum int) {
	minimum, maximum = s.full.floor, s.full.ceiling
	if s.layered {
		minimum, maximum = min(minimum, s.low.floor), maximum+s.low.ceiling
	}
	return minimum, maximum*3/2 + soundShare
}

// step takes an estimate in kb/s. It returns to what the estimate is to rise so that the full layer can be tried, 0
// where it is to stay.
func (s *split) step(now time.Time, estimateKbps int) (raise int) {
	if !s.sends(lowLayer) {
		s.feed()
		s.full.step(now, estimateKbps)
		return 0
	}
	s.low.step(now, estimateKbps)
	rest := estimateKbps - s.low.current
	suffices := float64(rest-soundShare) >= starveBelow*float64(s.full.floor)
	switch {
	case s.starved && now.Before(s.tryAt):
		return 0
	case s.starved:
		s.feed()
		s.tried, s.full.current, s.full.changed = now, s.full.floor, now
		return int(trialRoom * float64(s.low.ceiling+soundShare+s.full.floor))
	case suffices:
		s.short = time.Time{}
		if !s.tried.IsZero() && now.Sub(s.tried) > trialTime {
			s.tried, s.pause = time.Time{}, retryFirst
		}
		s.full.step(now, rest)
		return 0
	case s.short.IsZero():
		s.short = now
	}
	s.full.step(now, rest)
	limit := starveAfter
	if !s.tried.IsZero() {
		limit = failAfter
	}
	if now.Sub(s.short) < limit {
		return 0
	}
	s.starved, s.tryAt, s.tried = true, now.Add(s.pause), time.Time{}
	s.pause = min(2*s.pause, retryLongest)
	// The local replay is the encoder's only user now.
	s.full.current, s.full.changed = s.full.ceiling, now
	return 0
}

// feed ends the starving.
func (s *split) feed() { s.starved, s.short = false, time.Time{} }

// countViewers has the low layer sent while somebody else is in the room. Recorders are hidden there; an Egress that is
// shown is known by its kind. Who gets which layer only the server knows, and the client has no call for it.
func (s *Session) countViewers() {
	s.change(func(p *split) { // looked at under the lock: of two events at once the older list must not count last
		p.viewed = slices.ContainsFunc(s.room.GetRemoteParticipants(), func(r *lksdk.RemoteParticipant) bool {
			return r.Kind() != lksdk.ParticipantEgress
		})
		if !p.viewed {
			p.feed() // with both layers off no report would come that ends the starving
		}
	})
}

// change changes what is sent.
func (s *Session) change(f func(*split)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.split)
	s.apply()
}

// apply passes on what the split has decided. It calls under the lock, as askForKeyframe does.
func (s *Session) apply() {
	for l := range layerCount {
		on, was := s.split.sends(l), s.on[l].Swap(s.split.sends(l))
		if on && !was {
			s.keys[l].wanted = true
			s.askForKeyframe(l)
		}
		if on != was {
			s.log.Debug("a layer of the video is turned on or off", "low", l == lowLayer, "on", on)
			media.Poke(s.changed)
		}
	}
	for l, kbps := range [layerCount]int{s.split.full.current, s.split.low.current} {
		if s.asked[l] == kbps || s.closing {
			continue
		}
		s.asked[l] = kbps
		if _, onBitrate := s.callbacks(layer(l)); onBitrate != nil {
			onBitrate(kbps)
		}
	}
}

// callbacks are those of a layer.
func (s *Session) callbacks(l layer) (onKeyframe func(), onBitrate func(int)) {
	switch {
	case l == fullLayer:
		return s.opts.OnKeyframe, s.opts.OnBitrate
	case s.opts.Low != nil:
		return s.opts.Low.OnKeyframe, s.opts.Low.OnBitrate
	}
	return nil, nil
}

// videos are the tracks of the layers.
func (s *Session) videos() []*track {
	if s.low == nil {
		return []*track{s.video}
	}
	return []*track{fullLayer: s.video, lowLayer: s.low}
}

// HasLow says whether there is a low layer.
func (s *Session) HasLow() bool { return s.low != nil }

// WantsLow says whether packets for WriteLow are of use.
func (s *Session) WantsLow() bool { return s.on[lowLayer].Load() }

// Layers says which layers are sent.
func (s *Session) Layers() (full, low bool) { return s.on[fullLayer].Load(), s.on[lowLayer].Load() }

// WriteLow sends one packet of the low layer; see Write.
func (s *Session) WriteLow(p *media.Packet) error {
	if s.low == nil {
		return nil
	}
	return s.writeVideo(lowLayer, s.low, p)
}

// writeVideo sends a packet of a layer unless that is off.
func (s *Session) writeVideo(l layer, t *track, p *media.Packet) error {
	if !s.on[l].Load() {
		t.needKey.Store(true)
		return nil
	}
	s.mu.Lock()
	s.askForKeyframe(l)
	s.mu.Unlock()
	return t.write(p)
}

// LowKbps is the bitrate that the network allows the low layer at present.
func (s *Session) LowKbps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.split.low.current
}
