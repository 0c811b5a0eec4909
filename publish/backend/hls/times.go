package hls

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrDamaged means that a segment is not readable as MPEG-TS, or has no frame.
var ErrDamaged = errors.New("the segment is damaged")

const (
	// mostHead is where the first frame of a segment must begin, in packets.
	mostHead = 10000
	// firstTail is how much of a segment's end is read for its last frames at first, in packets.
	firstTail = 700
	// reordered is how many frames at the end are certain to have the last two that are shown: more than x264 reorders.
	reordered = 18
)

// Times reads when the frames of a segment in MPEG-TS begin and end, as near as possible to near: the PTS of the first
// one, and that of the last one with its length. It reads the beginning and the end of the file alone, and no sound:
// players date a segment by its frames, and sound begins a little before or after them. Recorders begin segments with
// an IDR frame, before which none is shown.
func Times(r io.ReadSeeker, near time.Duration) (first, end time.Duration, err error) {
	in := newTransport(nil)
	head, err := in.frames(bufio.NewReaderSize(r, readAhead), 1)
	if err != nil {
		return 0, 0, err
	}
	if len(head) == 0 {
		return 0, 0, fmt.Errorf("%w: it holds no video", ErrDamaged)
	}
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, 0, err
	}
	var tail []int64 // ticks after the first frame
	for count, at := int64(firstTail), size; at > 0 && len(tail) < reordered; count *= 4 {
		at = max(size/packetSize-count, 0) * packetSize
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return 0, 0, err
		}
		if tail, err = in.frames(bufio.NewReaderSize(r, readAhead), 0); err != nil {
			return 0, 0, err
		}
		for i := range tail {
			tail[i] = (tail[i]-head[0]+turn/2)&(turn-1) - turn/2
		}
	}
	slices.Sort(tail)
	n := len(tail)
	if n == 0 {
		return 0, 0, fmt.Errorf("%w: its end holds no video", ErrDamaged)
	}
	step := int64(tsClock / 30)
	if n > 1 {
		step = tail[n-1] - tail[n-2]
	}
	first, end = media.FromTicks(head[0], tsClock), media.FromTicks(head[0]+tail[n-1]+step, tsClock)
	turns := unwrap(first, near) - first
	return first + turns, end + turns, nil
}

// frames reads packets to the end, or until it has so many frames, and returns the PTS of those that begin in them, in
// ticks. Damaged packets are left out.
func (t *transport) frames(r io.Reader, limit int) (out []int64, err error) {
	damage := 0
	for count := 0; limit == 0 || len(out) < limit && count < mostHead; count++ {
		_, err := io.ReadFull(r, t.packet[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		pid, begins, payload, err := content(t.packet[:])
		if err != nil {
			if damage++; damage > mostDamage {
				return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			continue
		}
		if len(payload) == 0 || t.table(pid, begins, payload) || !begins {
			continue
		}
		if e := t.pids[pid]; e == nil || e.kind != typeH264 {
			continue
		}
		if pts, _, ok := times(payload); ok {
			out = append(out, pts)
		}
	}
	return out, nil
}

// unwrap moves a time by whole turns of the 33-bit counter (26.5 h), so that it is as near as possible to near.
func unwrap(t, near time.Duration) time.Duration {
	off := near - t + tsWrap/2
	turns := off / tsWrap
	if off < 0 {
		turns--
	}
	return t + turns*tsWrap
}
