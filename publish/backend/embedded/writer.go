package embedded

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// Track ids in the files.
const (
	videoTrack = 1
	soundTrack = 2
)

// liveEntries is how many segments the playlist for players holds, as LiveKit Egress has it.
const liveEntries = 5

// writer puts segments and playlists into a recording's folder. It is used by one goroutine.
type writer struct {
	put      func(ctx context.Context, name string, data []byte) error
	hasSound bool

	zero     time.Time // media time 0
	segments int
	headers  int
	header   string // the newest header's name
	listed   string // the name of the header that the playlists named last
	sets     parameterSets
	playlist bytes.Buffer
	live     []string // entries of the newest segments
	tag      string   // EXT-X-MAP of the newest header
}

// write stores a segment and then names it in the playlists. A segment that cannot be stored is left out.
func (w *writer) write(ctx context.Context, s *segment) error {
	if w.zero.IsZero() {
		// A little before the first frame, for sound may begin earlier; times in the files are not negative.
		w.zero = s.from.Add(-time.Second)
	}
	if w.header == "" || s.sets != w.sets {
		if err := w.writeHeader(ctx, s.sets); err != nil {
			return err
		}
	}
	data, err := w.marshal(s)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s_%05d.m4s", recorder.SegmentPrefix, w.segments)
	if err := w.put(ctx, name, data); err != nil {
		return fmt.Errorf("a segment cannot be stored: %w", err)
	}
	w.segments++
	w.list(name, s)
	return w.writePlaylists(ctx, false)
}

// writeHeader stores the header of all segments until the parameter sets change.
func (w *writer) writeHeader(ctx context.Context, sets parameterSets) error {
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: videoTrack, TimeScale: videoRate,
		Codec: &codecs.H264{SPS: []byte(sets.sps), PPS: []byte(sets.pps)}}}}
	if w.hasSound {
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: soundTrack, TimeScale: soundRate,
			Codec: &codecs.Opus{ChannelCount: 2}})
	}
	var out seekablebuffer.Buffer
	if err := init.Marshal(&out); err != nil {
		return fmt.Errorf("the video's parameter sets cannot be read: %w", err)
	}
	name := fmt.Sprintf("i_%05d.mp4", w.headers)
	if err := w.put(ctx, name, out.Bytes()); err != nil {
		return fmt.Errorf("a segment's header cannot be stored: %w", err)
	}
	w.headers++
	w.header, w.sets = name, sets
	return nil
}

// marshal is the segment's file: one fragment with both tracks.
func (w *writer) marshal(s *segment) ([]byte, error) {
	part := fmp4.Part{SequenceNumber: uint32(w.segments + 1)}
	for _, t := range []struct {
		id   int
		rate int64
		list []sample
	}{{videoTrack, videoRate, s.frames}, {soundTrack, soundRate, s.sound}} {
		if len(t.list) > 0 {
			part.Tracks = append(part.Tracks, w.track(t.id, t.rate, t.list))
		}
	}
	var out seekablebuffer.Buffer
	if err := part.Marshal(&out); err != nil {
		return nil, fmt.Errorf("a segment cannot be written: %w", err)
	}
	return out.Bytes(), nil
}

// track turns moments into ticks, each from zero, so that no rounding adds up.
func (w *writer) track(id int, rate int64, list []sample) *fmp4.PartTrack {
	ticks := func(t time.Time) int64 { return media.ToTicks(t.Sub(w.zero), rate) }
	out := &fmp4.PartTrack{ID: id, BaseTime: uint64(max(0, ticks(list[0].at)))}
	for _, s := range list {
		length := max(1, ticks(s.at.Add(s.length))-ticks(s.at))
		out.Samples = append(out.Samples, &fmp4.Sample{Duration: uint32(length), IsNonSyncSample: !s.key, Payload: s.data})
	}
	return out
}

// programTime is the form of EXT-X-PROGRAM-DATE-TIME (RFC 8216, 4.3.2.6).
const programTime = "2006-01-02T15:04:05.000000Z07:00"

// list appends a segment to both playlists.
func (w *writer) list(name string, s *segment) {
	if w.playlist.Len() == 0 {
		fmt.Fprintf(&w.playlist, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-TARGETDURATION:%d\n",
			int(longest.Seconds()))
	}
	changed := w.header != w.listed // the segment that it was stored for may have been left out
	w.listed = w.header
	if changed {
		if w.tag != "" {
			w.playlist.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		w.tag = fmt.Sprintf("#EXT-X-MAP:URI=%q\n", w.header)
		w.playlist.WriteString(w.tag)
	}
	entry := fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.6f,\n%s\n", s.from.UTC().Round(time.Microsecond).Format(
		programTime),
		s.to.Sub(s.from).Seconds(), name)
	w.playlist.WriteString(entry)
	if changed {
		w.live = nil // a player would need both headers; it continues with the new one
	}
	if w.live = append(w.live, entry); len(w.live) > liveEntries {
		w.live = w.live[1:]
	}
}

// writePlaylists stores both playlists; ended closes them.
func (w *writer) writePlaylists(ctx context.Context, ended bool) error {
	if w.playlist.Len() == 0 {
		return nil
	}
	end := ""
	if ended {
		end = "#EXT-X-ENDLIST\n"
	}
	full := append(bytes.Clone(w.playlist.Bytes()), end...)
	live := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n%s",
		int(longest.Seconds()),
		w.segments-len(w.live), w.tag)
	for _, entry := range w.live {
		live += entry
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{recorder.Playlist, full}, {recorder.LivePlaylist, []byte(live + end)}} {
		if err := w.put(ctx, f.name, f.data); err != nil {
			return fmt.Errorf("the playlist cannot be stored: %w", err)
		}
	}
	return nil
}
