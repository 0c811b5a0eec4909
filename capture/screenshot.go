package capture

import (
	"context"
	"image"
	"time"

	"golang.org/x/image/draw"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// Screenshot saves the frame of this moment as the screen shows it, before any encoding. On a screen that has not
// changed it is the replay's newest frame. It returns the file; the error is a message.
func (r *Recorder) Screenshot(ctx context.Context, app string, format clip.Format) (string, error) {
	pressed := time.Now()
	c, _ := r.now()
	img := r.video.Screenshot(ctx)
	if img == nil {
		snap, ok := r.ring.Snapshot(time.Millisecond, 0)
		if !ok {
			return "", r.why()
		}
		var err error
		if img, err = clip.Decode(ctx, snap.Video, 0); err != nil {
			return "", err
		}
	}
	var path string
	instead, err := c.place().Use(ctx, func(_ context.Context, folder string) (err error) {
		path, err = clip.SaveImage(folder, c.ClipName, app, pressed, img, format)
		return err
	})
	if instead != "" {
		r.log.Warn("the screenshot is not in the clip folder", "path", path, "reason", instead)
	}
	if err != nil {
		r.log.Error("the screenshot was not saved", "err", err)
		return "", err
	}
	r.log.Info("screenshot saved", "path", path)
	return path, nil
}

// Look returns the frame of this moment, scaled down to fit into width and height in pixels. While nothing moves on the
// screen it is nil, or with still the newest of the replay where there is one.
func (r *Recorder) Look(ctx context.Context, width, height int, still bool) image.Image {
	img := r.video.Screenshot(ctx)
	if img == nil && still {
		snap, ok := r.ring.Snapshot(time.Millisecond, 0)
		if !ok {
			return nil
		}
		var err error
		if img, err = clip.Decode(ctx, snap.Video, 0); err != nil {
			r.log.Warn("the newest frame of the replay cannot be shown", "err", err)
			return nil
		}
	}
	if img == nil {
		return nil
	}
	return shrink(img, width, height)
}

// shrink scales an image down to fit into width and height. One that fits stays as it is.
func shrink(img image.Image, width, height int) image.Image {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if w <= width && h <= height {
		return img
	}
	if w*height > h*width {
		height = max(h*width/w, 1)
	} else {
		width = max(w*height/h, 1)
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, img.Bounds(), draw.Src, nil)
	return small
}
