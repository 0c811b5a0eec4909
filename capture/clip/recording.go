package clip

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// settle is how much video a recording waits for before it fixes its tracks, so that sound that is late by as much
// finds its place: a busy machine mixes up to a second late.
const settle = 1100 * time.Millisecond

// defaultSound is the AudioSpecificConfig of AAC-LC, 48 kHz, stereo (ISO/IEC 14496-3, 1.6.2.1), for sound that may
// come.
var defaultSound = []byte{0x11, 0x90}

// Recording is a file that grows with every packet, under its name within two seconds, and plays whatever becomes
// of the process. It belongs to one goroutine and has none.
type Recording struct {
	request Request
	path    string
	file    *os.File
	head    int64 // its size without anything recorded
	movie   *mp4.Growing
	tracks  map[media.Track]int
	held    []*media.Packet // before the tracks are fixed
	start   time.Duration
	last    *media.Packet // of the video
	heard   time.Duration // where the mix ends
	key     *media.Packet // the newest IDR, for the cover
	instead string        // Clip.Instead
}

// NewRecording prepares a file of the request's name and folder; the request's packets and window are not used. The
// file is there within two seconds.
func NewRecording(r Request) (*Recording, error) {
	if err := CheckFolder(r.Folder); err != nil {
		return nil, err
	}
	r.Video, r.Sound, r.Sources, r.Chapters, r.Start, r.End = nil, nil, nil, nil, 0, 0
	return &Recording{request: r}, nil
}

// Path is the file, empty before there is one.
func (r *Recording) Path() string { return r.path }

// Bytes is the file's size.
func (r *Recording) Bytes() int64 {
	if r.movie == nil {
		return 0
	}
	return r.movie.Size()
}

// Length is the time from the first frame to the newest.
func (r *Recording) Length() time.Duration {
	if r.last == nil {
		return 0
	}
	return r.last.PTS + r.last.Duration - r.start
}

// SoundLags is by how much the sound is behind the video.
func (r *Recording) SoundLags() time.Duration {
	if r.last == nil {
		return 0
	}
	return r.last.PTS + r.last.Duration - max(r.heard, r.start)
}

// Add takes the next packet. What comes before the first IDR is left out. The error is a message.
func (r *Recording) Add(p *media.Packet) error {
	if p.Track == media.Video {
		if r.last == nil {
			if !p.Key {
				return nil
			}
			r.start = p.PTS
		}
		r.last = p
		if p.Key {
			r.key = p
		}
	}
	if p.Track == media.AAC {
		r.heard = p.PTS + p.Duration
	}
	if r.last == nil {
		return nil
	}
	if r.movie == nil {
		r.held = append(r.held, p)
		if r.Length() < settle {
			return nil
		}
		return r.begin()
	}
	return r.write(p)
}

func (r *Recording) write(p *media.Packet) error {
	track, ok := r.tracks[p.Track]
	if !ok {
		return nil
	}
	err := r.movie.Add(track, sample(p))
	if err != nil {
		return r.explain(err)
	}
	return nil
}

// begin makes the file with the tracks seen so far, and one for the mix in any case.
func (r *Recording) begin() error {
	configs := map[media.Track][]byte{media.AAC: defaultSound}
	var first *media.Packet
	for _, p := range r.held {
		if p.Track.ForClips() && len(p.Config) > 0 {
			configs[p.Track] = p.Config
		}
		if first == nil && p.Track == media.Video {
			first = p
		}
	}
	var sounds []mp4.Track
	r.tracks = map[media.Track]int{media.Video: 0}
	for _, t := range []media.Track{media.AAC, media.DesktopAAC, media.MicAAC} {
		if c, heard := configs[t]; heard {
			sounds = append(sounds, soundTrack(t, c, nil))
			r.tracks[t] = len(sounds)
		}
	}
	path, err := place(r.request.Folder, r.request.base(), ".mp4", func(path string) (err error) {
		r.file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		return err
	})
	if err != nil {
		return r.explain(err)
	}
	r.path = path
	if r.movie, err = mp4.Grow(r.file, r.request.movie(Recorded, sounds), sample(first)); err != nil {
		return r.explain(err)
	}
	r.head = r.movie.Size()
	held := r.held
	r.held = nil
	for _, p := range held {
		if err := r.write(p); err != nil {
			return err
		}
	}
	return nil
}

// explain turns a file system error into a message for who records.
func (r *Recording) explain(err error) error {
	switch troubleOf(err) {
	case diskFull:
		return fmt.Errorf("the recording stopped because the disk with %s is full; what was recorded until then is kept (%w)",
			r.request.Folder, err)
	case fileTooLarge:
		return fmt.Errorf("the recording stopped because the disk with %s takes no larger files; what was recorded until "+
			"then is kept (%w)", r.request.Folder, err)
	}
	return fmt.Errorf("the recording stopped: %w", explain(r.request.Folder, err))
}

// Close ends the file with the chapters and returns what it is. Where nothing was recorded it leaves nothing and
// returns mp4.ErrEmpty. Where the disk is full it stays as it is, and plays.
func (r *Recording) Close(chapters []mp4.Chapter) (Clip, error) {
	if r.last != nil && r.movie == nil && len(r.held) > 0 {
		if err := r.begin(); err != nil && r.movie == nil {
			return Clip{}, errors.Join(err, r.discard())
		}
	}
	if r.movie == nil {
		return Clip{}, errors.Join(mp4.ErrEmpty, r.discard())
	}
	var jpeg []byte
	if r.key != nil {
		q := r.request
		q.Video, q.Start, q.End = []*media.Packet{r.key}, r.key.PTS, r.key.PTS
		jpeg, _ = cover(context.Background(), q) // without one it is a recording as well
	}
	err := r.movie.End(r.last.PTS+r.last.Duration, chapters, jpeg)
	err = errors.Join(err, r.file.Close())
	c := Clip{Path: r.path, Bytes: r.movie.Size(), Created: r.request.Created, Instead: r.instead}
	switch unread := describe(&c); {
	case unread == nil && c.Seconds == 0, unread != nil && c.Bytes <= r.head:
		return Clip{}, errors.Join(err, mp4.ErrEmpty, os.Remove(r.path))
	case unread != nil: // the disk's or the process's trouble; what was recorded is there
		c.Seconds, c.Ours, c.Kind = r.Length().Seconds(), true, Recorded
	}
	if err == nil {
		err = r.request.putPoster(r.path, jpeg)
	}
	return c, err
}

// discard removes a file in which there is nothing.
func (r *Recording) discard() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Close(), os.Remove(r.path))
}
