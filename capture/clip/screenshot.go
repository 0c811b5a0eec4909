package clip

import (
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Format is how a screenshot is kept.
type Format string

// The formats: every pixel as it was, or a file of a tenth of the size.
const (
	PNG  Format = "png"
	JPEG Format = "jpeg"
)

// Formats are all of them, in the order in which they are offered.
func Formats() []Format { return []Format{PNG, JPEG} }

func (f Format) String() string { return string(f) }

// ParseFormat returns the format of that name; the error names those that there are.
func ParseFormat(s string) (Format, error) { return media.ParseName("screenshot format", s, Formats()) }

// SaveImage writes an image under a free name in the folder, made from the same template as clips'. It returns the
// path; the error is a message.
func SaveImage(folder, template, app string, at time.Time, img image.Image, f Format) (path string, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", explain(folder, err)
	}
	temp, err := os.CreateTemp(folder, mp4.TempPrefix+"*"+mp4.TempSuffix)
	if err != nil {
		return "", explain(folder, err)
	}
	defer os.Remove(temp.Name())
	err = errors.Join(encodeImage(temp, img, f), temp.Chmod(0o644), temp.Close())
	if err != nil {
		return "", explain(folder, err)
	}
	ending := ".png"
	if f == JPEG {
		ending = ".jpg"
	}
	path, err = place(folder, Name(template, app, at, 0), ending, func(path string) error {
		return mp4.Publish(temp.Name(), path)
	})
	if err != nil {
		return "", explain(folder, err)
	}
	return path, nil
}

func encodeImage(w io.Writer, img image.Image, f Format) error {
	if f == JPEG {
		return jpeg.Encode(&marker{w, jpegMark(shotMark), jpegMarkAt}, img, &jpeg.Options{Quality: 92})
	}
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&marker{w, pngMark(), pngMarkAt}, img)
}
