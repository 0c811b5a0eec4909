package storage

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// Part is what files of one kind take.
type Part struct {
	Kind  clip.Kind `json:"kind"`
	Files int       `json:"files"`
	Bytes int64     `json:"bytes"`
}

// Usage is where clips are and what takes how much.
type Usage struct {
	Folder string `json:"folder"`
	// Away is why the folder cannot be used now, as a message.
	Away string `json:"away,omitempty"`
	// Free and Total are the bytes of the folder's disk; 0 where they are not known.
	Free  int64 `json:"free"`
	Total int64 `json:"total"`
	// Parts are what Hindsight made: replays, recordings, what was edited, screenshots. Images beside clips count with
	// them.
	Parts []Part `json:"parts"`
	// Starred are the clips that stay in any case, of all parts.
	Starred Part `json:"starred"`
	// Others are other files in the folder, which Hindsight does not touch.
	Others clip.Others `json:"others"`
	// Recovery is what the backup of the buffer against a crash takes.
	Recovery int64 `json:"recovery"`
	// Limit is how much clips may take, 0 for no limit.
	Limit int64 `json:"limit,omitempty"`
	// Server is what the server has, nil where there is none.
	Server *Server `json:"server,omitempty"`
	// Move is a move that is not finished, nil for none.
	Move *Progress `json:"move,omitempty"`
	// Elsewhere are clips that were saved to other folders while this one was away.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Left is a folder that clips were saved to before, LeftPart what is still there.
	Left     string `json:"left,omitempty"`
	LeftPart Part   `json:"left_part,omitzero"`
}

// Server is what the server has of this user's clips.
type Server struct {
	Clips int   `json:"clips"`
	Bytes int64 `json:"bytes"`
	// Error is why that is not known, as a message.
	Error string `json:"error,omitempty"`
}

// Clips is what Hindsight made, without screenshots: what the storage limit counts.
func (u Usage) Clips() (files int, bytes int64) {
	for _, p := range u.Parts {
		if p.Kind != clip.Screenshot {
			files, bytes = files+p.Files, bytes+p.Bytes
		}
	}
	return files, bytes
}

// All is what Hindsight made.
func (u Usage) All() (files int, bytes int64) {
	for _, p := range u.Parts {
		files, bytes = files+p.Files, bytes+p.Bytes
	}
	return files, bytes
}

// Measure looks at a clip folder and at the folder of the buffer's backup. The error is a message.
func Measure(folder, recovery string) (Usage, error) {
	u := Usage{Folder: folder, Recovery: sizeOf(recovery)}
	for at := folder; ; at = filepath.Dir(at) {
		if free, total, err := space(at); err == nil {
			u.Free, u.Total = free, total
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	own, others, err := clip.Files(folder)
	if err != nil {
		return u, err
	}
	u.Others = others
	u.Parts, u.Starred = parts(own)
	return u, nil
}

func parts(own []clip.File) (out []Part, starred Part) {
	of := map[clip.Kind]*Part{}
	for _, k := range clip.Kinds() {
		out = append(out, Part{Kind: k})
	}
	for i := range out {
		of[out[i].Kind] = &out[i]
	}
	clips := map[string]clip.Kind{} // by path without its ending
	for _, f := range own {
		if f.Kind == clip.PosterImage {
			continue
		}
		p := of[f.Kind]
		p.Files++
		p.Bytes += f.Bytes
		clips[stem(f.Path)] = f.Kind
		if f.Starred {
			starred.Files++
			starred.Bytes += f.Bytes
		}
	}
	for _, f := range own {
		if f.Kind == clip.PosterImage {
			k, with := clips[stem(f.Path)]
			if !with {
				k = clip.Screenshot // an image whose clip is gone
			}
			of[k].Bytes += f.Bytes
		}
	}
	return out, starred
}

func stem(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }

// sizeOf is what the files in a folder take in bytes.
func sizeOf(folder string) (bytes int64) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be seen does not count
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// Usage measures the clip folder as it is now. The server is not asked. The error is a message.
func (m *Manager) Usage() (Usage, error) {
	s := m.o.Settings()
	if away := m.Away(); away != "" {
		return m.more(Usage{Folder: s.Folder, Away: away, Recovery: sizeOf(m.o.Recovery), Limit: s.Limit}), nil
	}
	u, err := Measure(s.Folder, m.o.Recovery)
	u.Limit = s.Limit
	return m.more(u), err
}

// Server asks what the server has; nil where none is set.
func (m *Manager) Server(ctx context.Context) *Server {
	if m.o.Server == nil {
		return nil
	}
	return m.o.Server(ctx)
}

// more adds what the Manager knows.
func (m *Manager) more(u Usage) Usage {
	m.mu.Lock()
	if m.job != nil {
		p := m.progress
		u.Move = &p
	}
	u.Elsewhere = append(u.Elsewhere, m.state.Elsewhere...)
	left := m.state.Left
	m.mu.Unlock()
	if left == "" || left == u.Folder {
		return u
	}
	if own, _, err := clip.Files(left); err == nil && len(own) > 0 {
		u.Left = left
		for _, f := range own {
			u.LeftPart.Files++
			u.LeftPart.Bytes += f.Bytes
		}
	}
	return u
}

// Excess is what a storage limit in bytes would delete now, the oldest first; 0 is no limit. Files that are being
// written stay. The error is a message.
func (m *Manager) Excess(limit int64) ([]clip.Clip, error) {
	if limit == 0 {
		return nil, nil
	}
	return Excess(m.o.Settings().Folder, limit, m.busy()...)
}

// Excess is what a storage limit in bytes would delete in a folder, the oldest first.
func Excess(folder string, limit int64, keep ...string) ([]clip.Clip, error) {
	list, err := clip.List(folder)
	if err != nil {
		return nil, err
	}
	return clip.Excess(list, limit, keep...), nil
}
