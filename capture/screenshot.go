package capture

import (
	"context"
	"time"

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
