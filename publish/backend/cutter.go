package backend

import (
	"context"
	"io"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/cut"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Remuxer cuts clips without transcoding: segments in, MP4 out.
type Remuxer struct {
	Storage Storage
	Clips   ClipFiles
	// Priming is by how much the recorder's AAC encoder delays the sound against its time stamps: 1024 samples for
	// faac, 1600 for vo-aacenc, at 48 kHz.
	Priming time.Duration
}

// Cut implements ClipCutter.
func (r *Remuxer) Cut(ctx context.Context, c state.Clip, segments []Segment) (CutResult, error) {
	var sources []cut.Source
	var result CutResult
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
		return CutResult{}, err
	}
	bytes, err := r.Clips.WriteClip(ctx, c.ID, m)
	if err != nil {
		return CutResult{}, err
	}
	result.From, result.To, result.Bytes = c.Start().Add(m.Start), c.Start().Add(m.End), bytes
	return result, nil
}
