package capturetest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Packets is real H.264 of a moving pattern, 320 x 180 at 30 FPS, with a keyframe every second.
func Packets(ctx context.Context, length time.Duration) ([]*media.Packet, error) {
	const fps = 30
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-i",
		fmt.Sprintf("testsrc2=s=320x180:r=%d:d=%f", fps, length.Seconds()), "-c:v", "libx264", "-bf", "0", "-pix_fmt",
		"yuv420p", "-x264-params", fmt.Sprintf("aud=1:repeat-headers=1:keyint=%d:scenecut=0", fps), "-f", "h264",
		"-").Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg does not run: %w (make setup installs it)", err)
	}
	delimiter := []byte{0, 0, 0, 1, 9}
	var packets []*media.Packet
	for i, unit := range bytes.Split(out, delimiter)[1:] {
		at := time.Duration(i) * time.Second / fps
		data := append(delimiter[:5:5], unit...)
		packets = append(packets, &media.Packet{PTS: at, DTS: at, Duration: time.Second / fps, Key: i%fps == 0, Data: data,
			NALs: media.SplitAnnexB(data)})
	}
	return packets, nil
}
