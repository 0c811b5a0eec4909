package buffers

import (
	"context"
	"io"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/cut"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Files holds the clips.
type Files interface {
	WriteClip(ctx context.Context, id string, m mp4.Movie) (int64, error)
}

// Cut is what a clip's file holds.
type Cut struct {
	From, To time.Time
	Bytes    int64
	// Lost are the segments that are missing or damaged; the clip has gaps for them.
	Lost []Segment
}

// Remuxer cuts clips without transcoding: segments in, MP4 out.
type Remuxer struct {
	Storage Storage
	Clips   Files
	// Priming is by how much the recorder's AAC encoder delays the sound against its time stamps: 1024 samples for
	// faac, 1600 for vo-aacenc, at 48 kHz.
	Priming time.Duration
}

// Cut writes the clip's file and returns what it holds.
func (r *Remuxer) Cut(ctx context.Context, c state.Clip, segments []Segment) (Cut, error) {
	var sources []cut.Source
	var result Cut
	for _, s := range segments {
		source := cut.Source{Zero: s.Zero, Wall: s.From, Lost: func(error) { result.Lost = append(result.Lost, s) },
			Open: func() (io.ReadCloser, error) { return r.Storage.OpenSegment(ctx, s.RecordingID, s.Name) }}
		if s.Header != "" {
			source.Header = func() (io.ReadCloser, error) { return r.Storage.OpenSegment(ctx, s.RecordingID, s.Header) }
		}
		sources = append(sources, source)
	}
	m, err := cut.Movie(ctx, sources, c.Start(), c.Pressed, r.Priming)
	if err != nil {
		return Cut{}, err
	}
	bytes, err := r.Clips.WriteClip(ctx, c.ID, m)
	if err != nil {
		return Cut{}, err
	}
	result.From, result.To, result.Bytes = c.Start().Add(m.Start), c.Start().Add(m.End), bytes
	return result, nil
}
