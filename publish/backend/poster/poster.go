// Package poster checks and re-encodes the images that are shown before a clip plays. It has no goroutine and nothing
// to close; one poster at a time is decoded.
package poster

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/jpeg"
	"io"
)

// MaxBytes is the longest poster.
const MaxBytes = 2 << 20

const (
	maxSide   = 4096      // pixels
	maxPixels = 2_000_000 // 1920×1040
	quality   = 85
)

// turn lets one poster at a time be decoded: each takes a few megabytes and a processor.
var turn = make(chan struct{}, 1)

// Invalid says what is wrong with an image, for whoever has sent it.
type Invalid string

func (i Invalid) Error() string { return string(i) }

// Read returns the image re-encoded, or an error that is Invalid. It waits for its turn and ends early with its
// context.
func Read(ctx context.Context, body []byte) ([]byte, error) {
	width, height, ok := baseline(body)
	if !ok || width < 16 || height < 16 || width > maxSide || height > maxSide ||
		width*height > maxPixels {
		return nil, Invalid(fmt.Sprintf("the poster must be a baseline JPEG of 16 to %d pixels on each side and %d "+
			"pixels in all; save it smaller and not as progressive", maxSide, maxPixels))
	}
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	poster, err := jpeg.Decode(whileWanted{ctx, bytes.NewReader(body), nil})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, Invalid("the poster is not a complete JPEG")
	}
	var out bytes.Buffer
	err = jpeg.Encode(whileWanted{ctx, nil, &out}, poster, &jpeg.Options{Quality: quality})
	return out.Bytes(), err
}

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerSOF0 = 0xc0 // baseline
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerSOF  = 0xcf // the last of the frame headers
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
)

// baseline walks through a JPEG without decoding it and returns its size in pixels. ok is false unless it has one
// frame, baseline, and no more scans than components: every further scan, of which progressive frames have many, is
// work for the whole image that costs its sender a few bytes.
func baseline(b []byte) (width, height int, ok bool) {
	if len(b) < 2 || b[0] != 0xff || b[1] != markerSOI {
		return 0, 0, false
	}
	components, scans := 0, 0
	for at := 2; at+1 < len(b); {
		if b[at] != 0xff {
			at++ // coded data of a scan
			continue
		}
		marker := b[at+1]
		switch {
		case marker == 0xff:
			at++ // a fill byte
			continue
		case marker == markerEOI:
			return width, height, scans > 0
		case marker < markerSOF0 || marker >= 0xd0 && marker < markerSOI: // a stuffed byte, or a restart
			at += 2
			continue
		case at+4 > len(b):
			return 0, 0, false
		}
		segment := b[at+4:]
		length := int(binary.BigEndian.Uint16(b[at+2:]))
		if length < 2 || length-2 > len(segment) {
			return 0, 0, false
		}
		segment = segment[:length-2]
		switch {
		case marker == markerSOF0 && components == 0 && len(segment) >= 6:
			height, width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
			components = int(segment[5])
		case marker == markerSOS:
			if scans++; scans > min(components, 4) {
				return 0, 0, false
			}
		case marker >= markerSOF0 && marker <= markerSOF && marker != markerDHT && marker != markerJPG && marker != markerDAC:
			return 0, 0, false // another kind of frame, or a second one
		}
		at += 2 + length
	}
	return width, height, scans > 0
}

// whileWanted reads and writes until the context ends.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
	w   io.Writer
}

func (w whileWanted) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(b)
}

func (w whileWanted) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}
