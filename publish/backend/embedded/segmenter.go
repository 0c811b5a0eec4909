package embedded

import (
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// shortest is the least length of a segment. With a keyframe every 2 s, as Hindsight sends them, segments are 2 s.
	shortest = 1500 * time.Millisecond
	// asking is the length at which the publisher is asked for a keyframe, for publishers that send none unasked.
	asking = 4 * time.Second
	// longest is the length at which a segment ends without one, and what the playlist announces.
	longest = 10 * time.Second
	// askAgain is the time between two requests for a keyframe; LiveKit passes on one a second.
	askAgain = time.Second
	// still is how long no frame comes before the segment ends without the next one. LiveKit Egress shows black by
	// then.
	still = 4 * time.Second
	// soundPatience is how long after its last frame a segment waits for its sound.
	soundPatience = time.Second
	// reportPatience is how long sender reports are waited for at the beginning. LiveKit sends them every 3 s.
	reportPatience = 6 * time.Second
	// maxPending is how many bytes of frames a segment may have, and maxSounds how many Opus packets may wait.
	maxPending = 64 << 20
	maxSounds  = 16384
)

// silence is an Opus packet of one stereo CELT frame, full band, of 20 silent ms (RFC 6716, 3.1 and 4.3).
var silence = []byte{0xfc, 0xff, 0xfe}

const silenceLength = 20 * time.Millisecond

// sample is a frame or an Opus packet at its moment.
type sample struct {
	at     time.Time
	length time.Duration
	data   []byte
	key    bool
}

// segment is what goes into one file. Frames may be missing where the video stands still.
type segment struct {
	sets          parameterSets
	from, to      time.Time
	frames, sound []sample
}

// segmenter cuts two tracks into segments. It has no clock of its own and no goroutines; it is used by one.
type segmenter struct {
	clock    *clock
	hasSound bool
	asked    time.Time

	needKey                bool // nothing can be decoded before the next keyframe
	frames                 []unit
	scanned                int   // frames that were looked at for a cut
	size                   int   // bytes of them
	videoMoved, soundMoved int64 // ticks by which what comes is moved, after jumps
	video                  anchor
	begun                  bool      // video is set
	to                     time.Time // end of the newest segment
	lastSeen               time.Time // arrival of the newest frame that was taken
	sets                   parameterSets
	// the moment the video stood still: on the track and on arrival's clock
	rest struct{ from, at time.Time }

	sounds     []unit
	sound      anchor
	soundBegun bool
	soundTo    time.Time // end of the newest sound in a segment
}

func newSegmenter(c *clock, hasSound bool) *segmenter {
	return &segmenter{clock: c, hasSound: hasSound, needKey: true}
}

// empty reports whether no decodable frame has come yet.
func (s *segmenter) empty() bool { return !s.begun && len(s.frames) == 0 }

// addFrame takes the next frame.
func (s *segmenter) addFrame(u unit) {
	s.needKey = s.needKey || u.lost
	if s.needKey && (!u.key || u.sets.sps == "" || u.sets.pps == "") {
		return
	}
	s.needKey = false
	from, known := s.video, s.begun
	if n := len(s.frames); n > 0 && !known {
		from, known = anchor{s.frames[0].rtp, s.frames[0].at}, true
	}
	s.settle(&u, &s.clock.video, from, known, &s.videoMoved, s.frames)
	if n := len(s.frames); n > 0 && u.rtp <= s.frames[n-1].rtp {
		return // WebRTC has no reordered frames; time does not go back
	}
	s.lastSeen = u.at
	s.frames = append(s.frames, u)
}

// addSound takes the next Opus packet.
func (s *segmenter) addSound(u unit) {
	from, known := s.sound, s.soundBegun
	if n := len(s.sounds); n > 0 && !known {
		from, known = anchor{s.sounds[0].rtp, s.sounds[0].at}, true
	}
	s.settle(&u, &s.clock.sound, from, known, &s.soundMoved, s.sounds)
	if n := len(s.sounds); n > 0 && u.rtp <= s.sounds[n-1].rtp || n >= maxSounds {
		return
	}
	s.sounds = append(s.sounds, u)
}

// settle puts a unit on the track's line. Timestamps are the publisher's word: where they say what cannot be true of
// something that came now, the time line continues from the arrival, and what follows is moved as much.
func (s *segmenter) settle(u *unit, l *line, from anchor, known bool, moved *int64, waiting []unit) {
	raw := u.rtp
	if u.rtp += *moved; known && !plausible(from.at.Add(media.FromTicks(u.rtp-from.rtp, l.rate)), u.at) {
		s.clock.jumped(l)
		u.rtp = from.rtp + media.ToTicks(u.at.Sub(from.at), l.rate)
		if n := len(waiting); n > 0 {
			u.rtp = max(u.rtp, waiting[n-1].rtp+1)
		}
		*moved = u.rtp - raw
	}
	u.moved = *moved
	s.clock.arrival(l, raw, u.at)
}

// wantsKey reports whether the publisher must be asked for a keyframe now.
func (s *segmenter) wantsKey(now time.Time) bool {
	want := s.needKey || len(s.frames) > 0 && (!s.frames[0].key || now.Sub(s.frames[0].at) > asking)
	if !want || now.Sub(s.asked) < askAgain {
		return false
	}
	s.asked = now
	return true
}

// step returns the next segment that is complete, or nil.
func (s *segmenter) step(now time.Time) *segment {
	if len(s.frames) == 0 {
		return s.idleSegment(now)
	}
	end := s.cut()
	standing := end == 0 && now.Sub(s.lastSeen) > still
	if end == 0 && !standing || !s.timed(now) {
		return nil
	}
	if standing {
		s.begin()
		last := s.frames[len(s.frames)-1]
		s.rest.at = now
		s.rest.from = s.video.at.Add(media.FromTicks(last.rtp-s.video.rtp, videoRate) + now.Sub(last.at))
		return s.take(len(s.frames), s.rest.from, true)
	}
	next := s.frames[end]
	to := s.reach(next, 0).at
	late := now.Sub(next.at) > soundPatience
	if s.hasSound && !late && s.soundEnd().Before(to) {
		return nil
	}
	return s.take(end, to, late)
}

// finish returns the last segment, with what there is.
func (s *segmenter) finish() *segment {
	n := len(s.frames)
	if n == 0 {
		return nil
	}
	s.begin()
	last, step := s.frames[n-1], int64(videoRate/30)
	if n > 1 {
		step = min(last.rtp-s.frames[n-2].rtp, videoRate)
	}
	return s.take(n, s.reach(last, step).at, false)
}

// cut is the number of frames in the next segment, 0 while it is still growing.
func (s *segmenter) cut() int {
	first := s.frames[0]
	for ; s.scanned < len(s.frames); s.scanned++ {
		u := s.frames[s.scanned]
		length := media.FromTicks(u.rtp-first.rtp, videoRate)
		// Slow timestamps, and large frames, end a segment too.
		full := length >= longest || u.at.Sub(first.at) >= 2*longest || s.size+len(u.data) > maxPending
		if s.scanned > 0 && (u.key && (length >= shortest || u.sets != first.sets) || full) {
			return s.scanned
		}
		s.size += len(u.data)
	}
	return 0
}

// timed reports whether the moments of the tracks are known, or are not going to be.
func (s *segmenter) timed(now time.Time) bool {
	known := s.clock.known(&s.clock.video) && (!s.hasSound || len(s.sounds) == 0 || s.clock.known(&s.clock.sound))
	return known || s.begun || now.Sub(s.frames[0].at) > reportPatience
}

// begin sets the anchor of the frames at the first of all.
func (s *segmenter) begin() {
	if first := s.frames[0]; !s.begun {
		s.begun, s.video = true, anchor{first.rtp, s.when(&s.clock.video, first, 0)}
		s.to = s.video.at
		s.soundTo = s.to
	}
}

// when is the moment of capture of a unit, or of what is some ticks later.
func (s *segmenter) when(l *line, u unit, ticks int64) time.Time {
	return s.clock.when(l, u.rtp-u.moved+ticks, u.at.Add(media.FromTicks(ticks, l.rate)))
}

// reach is the anchor of the frames at a frame, or some ticks later.
func (s *segmenter) reach(u unit, ticks int64) anchor {
	s.begin()
	return s.video.follow(u.rtp+ticks, videoRate, s.when(&s.clock.video, u, ticks))
}

// take makes a segment of the first n frames and the sound until to. filled says that what sound is missing by then
// is not going to come.
func (s *segmenter) take(n int, to time.Time, filled bool) *segment {
	list := s.frames[:n]
	if first := list[0]; first.rtp != s.video.rtp { // the video stood still before it
		s.video = s.reach(first, 0)
		s.video.at = later(s.video.at, s.to)
	}
	s.sets = list[0].sets
	to = later(to, s.video.at.Add(time.Millisecond))
	seg := &segment{sets: s.sets, from: s.video.at, to: to}
	after := anchor{list[n-1].rtp, s.video.at.Add(media.FromTicks(list[n-1].rtp-s.video.rtp, videoRate))}
	if n < len(s.frames) {
		after = anchor{s.frames[n].rtp, to}
	}
	for _, u := range list {
		seg.frames = append(seg.frames, sample{at: s.video.between(after, u.rtp), data: u.data, key: u.key})
	}
	spread(seg.frames, to)
	if s.to = to; n < len(s.frames) {
		s.video = after
	}
	s.frames, s.scanned, s.size = append([]unit(nil), s.frames[n:]...), 0, 0
	s.takeSound(seg, filled)
	return seg
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// spread gives each sample the time to the next as its length.
func spread(list []sample, to time.Time) {
	for i := range list {
		end := to
		if i+1 < len(list) {
			end = list[i+1].at
		}
		list[i].length = end.Sub(list[i].at)
	}
}

// idleSegment is a segment of sound alone, while the video stands still.
func (s *segmenter) idleSegment(now time.Time) *segment {
	if !s.hasSound || !s.begun {
		return nil
	}
	to := s.rest.from.Add(now.Sub(s.rest.at) - soundPatience)
	if to.Sub(s.to) < still {
		return nil
	}
	seg := &segment{sets: s.sets, from: s.to, to: to}
	s.to = to
	if s.takeSound(seg, true); len(seg.sound) == 0 {
		return nil
	}
	seg.from = seg.sound[0].at
	return seg
}

// soundAt is the anchor line of the sound.
func (s *segmenter) soundAt(rtp int64) time.Time {
	return s.sound.at.Add(media.FromTicks(rtp-s.sound.rtp, soundRate))
}

func (s *segmenter) beginSound() bool {
	if len(s.sounds) > 0 && !s.soundBegun {
		first := s.sounds[0]
		s.soundBegun, s.sound = true, anchor{first.rtp, s.when(&s.clock.sound, first, 0)}
	}
	return s.soundBegun
}

// soundEnd is how far the sound has come.
func (s *segmenter) soundEnd() time.Time {
	if !s.beginSound() || len(s.sounds) == 0 {
		return s.soundTo
	}
	last := s.sounds[len(s.sounds)-1]
	return s.soundAt(last.rtp).Add(opusLength(last.data))
}

func opusLength(packet []byte) time.Duration {
	return media.FromTicks(opusTicks(packet), soundRate)
}

// opusTicks is a packet's length; 0 is for what is longer than packets are, 120 ms (RFC 6716, 3.2.5, R5).
func opusTicks(packet []byte) int64 {
	if n := opus.PacketDuration2(packet); n <= soundRate*120/1000 {
		return n
	}
	return 0
}

// takeSound moves sound into a segment: what begins before its end. Gaps become silence, so that all players go on.
func (s *segmenter) takeSound(seg *segment, filled bool) {
	if !s.hasSound {
		return
	}
	n := 0
	if s.beginSound() {
		for n < len(s.sounds) && s.soundAt(s.sounds[n].rtp).Before(seg.to) {
			n++
		}
	}
	if n > 0 {
		last := s.sounds[n-1]
		length := opusTicks(last.data)
		after := s.sound.follow(last.rtp+length, soundRate, s.when(&s.clock.sound, last, length))
		for _, u := range s.sounds[:n] {
			s.putSound(seg, s.sound.between(after, u.rtp), u.data)
		}
		s.sound = after
		s.sounds = append([]unit(nil), s.sounds[n:]...)
	}
	if filled || len(s.sounds) > 0 { // later packets prove that nothing earlier is still to come
		s.fillSound(seg, seg.to)
	}
	for i := range seg.sound[:max(0, len(seg.sound)-1)] {
		seg.sound[i].length = seg.sound[i+1].at.Sub(seg.sound[i].at)
	}
}

// putSound appends a packet, unless the time it belongs to has passed.
func (s *segmenter) putSound(seg *segment, at time.Time, data []byte) {
	length := opusLength(data)
	if length == 0 || at.Add(length/2).Before(s.soundTo) {
		return
	}
	s.fillSound(seg, at)
	seg.sound = append(seg.sound, sample{at: at, length: length, data: data, key: true})
	s.soundTo = at.Add(length)
}

// fillSound appends silence up to a moment, to the nearest packet.
func (s *segmenter) fillSound(seg *segment, until time.Time) {
	for s.soundTo.Add(silenceLength / 2).Before(until) {
		seg.sound = append(seg.sound, sample{at: s.soundTo, length: silenceLength, data: silence, key: true})
		s.soundTo = s.soundTo.Add(silenceLength)
	}
}
