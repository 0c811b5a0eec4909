package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// savedClip is what a press of the key gave: the time until the clip was complete, how much longer than asked for it
// is, how late its sound is (all in ms), and how many of its frames are missing.
type savedClip struct{ saveMS, lengthMS, stepMS, lost float64 }

// saveClip presses the program's key, waits for the clip and looks at it.
func (c *contender) saveClip(ctx context.Context, d *stack.Desktop) error {
	if c.key == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	before, err := filepath.Glob(filepath.Join(c.folder, "*.mp4"))
	if err != nil {
		return err
	}
	// OBS looks at the keys 40 times a second: a press must last.
	if err := d.Command(ctx, "xdotool", "keydown", c.key).Run(); err != nil {
		return err
	}
	pressed := time.Now()
	path, err := newClip(ctx, c.folder, len(before))
	took := time.Since(pressed)
	if err := d.Command(ctx, "xdotool", "keyup", c.key).Run(); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s saved no clip: %w", c.name, err)
	}
	info, err := capturetest.Probe(ctx, path)
	if err != nil {
		return err
	}
	frames, err := capturetest.Frames(ctx, path)
	if err != nil {
		return err
	}
	step, err := capturetest.MeasureStep(ctx, path, stack.ClickHz)
	if err != nil {
		return err
	}
	c.clips = append(c.clips, savedClip{
		saveMS: took.Seconds() * 1000, lengthMS: (info.Seconds - benchReplay) * 1000, stepMS: step.MeanMS,
		lost: info.Seconds*30 - float64(len(frames)),
	})
	return nil
}

// newClip waits for one more MP4 in a folder, and until it is complete.
func newClip(ctx context.Context, folder string, had int) (string, error) {
	t := time.NewTicker(2 * time.Millisecond)
	defer t.Stop()
	for {
		found, err := filepath.Glob(filepath.Join(folder, "*.mp4"))
		if err != nil {
			return "", err
		}
		if len(found) > had {
			newest := found[len(found)-1] // names hold the time
			if whole(newest) {
				return newest, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-t.C:
		}
	}
}

// whole reports whether a file consists of complete boxes (ISO/IEC 14496-12, 4.2), with a moov among them.
func whole(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false
	}
	moov := false
	for at := int64(0); at < end; {
		var head [16]byte
		if n, _ := f.ReadAt(head[:], at); n < 8 {
			return false
		}
		size := int64(binary.BigEndian.Uint32(head[:]))
		if size == 1 {
			size = int64(binary.BigEndian.Uint64(head[8:]))
		}
		if size < 8 || at+size > end {
			return false
		}
		moov = moov || string(head[4:8]) == "moov"
		at += size
	}
	return moov
}
