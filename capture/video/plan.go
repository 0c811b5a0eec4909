package video

import (
	"context"
	"fmt"
	"image"

	"github.com/hindsight-app/hindsight/capture/encode"
)

const (
	// lowHeight is the most rows of the low-resolution layer; a frame with no more rows than that is scaled to two
	// thirds.
	lowHeight = 720
	// lowShare is its part of what is usual for its size, in percent.
	lowShare = 60
)

// commonSize is that of frames where the real one is not known yet.
var commonSize = image.Pt(1280, 720)

// full is what the full stream is encoded like.
func full(s shape, e Encoding) encode.VideoConfig {
	return encode.VideoConfig{
		Width: s.size.X, Height: s.size.Y, OutHeight: e.Height, FrameRate: s.fps, BitrateKbps: e.BitrateKbps,
		ConstantQuality: e.ConstantQuality, Preset: e.Preset, Encoder: e.Encoder,
	}
}

// low is what the low-resolution layer is encoded like.
func low(s shape, e Encoding) encode.VideoConfig {
	c := encode.VideoConfig{Width: s.size.X, Height: s.size.Y, FrameRate: s.fps, Preset: e.Preset}
	rows := c.Height
	if e.Height > 0 {
		rows = min(rows, e.Height)
	}
	c.OutHeight = lowHeight
	if rows <= lowHeight {
		c.OutHeight = max(rows*2/3&^1, 2)
	}
	c.BitrateKbps = encode.DefaultBitrateKbps(c.Width*c.OutHeight/c.Height, c.OutHeight, c.FrameRate) * lowShare / 100
	return c
}

// Check finds the encoder to use, by trial on a frame of common size.
func Check(ctx context.Context, fps int, e Encoding) (string, error) {
	c := full(shape{commonSize, fps}, e)
	c.OutHeight = 0
	name, err := encode.Choose(ctx, c)
	if err != nil {
		return "", fmt.Errorf("video cannot be encoded: %w", err)
	}
	return name, nil
}
