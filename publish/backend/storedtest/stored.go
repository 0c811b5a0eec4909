// Package storedtest has a backend work on long replays that nobody had to wait for: it writes them into the data
// folder as if they had been recorded. It has no goroutines that outlive a call.
package storedtest

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// Replay is a replay that lies in a backend's folder as if it had been recorded.
type Replay struct {
	// Identity is the user, Token a secret of theirs.
	Identity, Token string
	// ReplayID names the replay, which has everything from From to To.
	ReplayID string
	From, To time.Time
}

// Options shape what is stored: 1080p with stereo sound in MPEG-TS, as LiveKit Egress writes it.
type Options struct {
	// Replays is how many users have one.
	Replays int
	// Length is a multiple of 4 s, the length of a segment.
	Length time.Duration
	// FPS and Kbps are of the video.
	FPS, Kbps int
}

const (
	storedSegment = 4 * time.Second
	// storedLoop is what is encoded, which is then repeated.
	storedLoop = 8 * time.Second
	// clockBase is where mpegtsmux, and so LiveKit Egress, begins to count.
	clockBase = time.Hour
)

// Store makes replays that have just ended in the data folder of a backend that does not run. They share their
// segments, by hard links, so that they take the disk of one.
func Store(ctx context.Context, data string, o Options) ([]Replay, error) {
	private := filepath.Join(data, "private")
	if err := os.MkdirAll(private, 0o700); err != nil {
		return nil, err
	}
	db, err := state.Open(ctx, private)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	files, err := storage.Open(data, "")
	if err != nil {
		return nil, err
	}
	defer files.Close()
	// Beside the recordings, so that links are possible.
	media, err := os.MkdirTemp(data, "media-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(media)
	if err := writeMedia(ctx, media, o); err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	began := now.Add(-o.Length - margin)
	list, names, err := playlist(filepath.Join(media, "list.csv"), began)
	if err != nil {
		return nil, err
	}
	var out []Replay
	for i := range o.Replays {
		s := Replay{Identity: fmt.Sprint("user", i), ReplayID: state.NewID(), From: began.Add(margin), To: now}
		if _, s.Token, err = db.CreateToken(ctx, s.Identity, "*"); err != nil {
			return nil, err
		}
		rec := state.Recording{ID: state.NewID(), ReplayID: s.ReplayID, EgressID: "EG_" + s.Identity, VideoTrack: "TR_v",
			AudioTrack: "TR_a", State: api.StateEnded, Began: began, Created: began, Ended: now}
		if err := db.AddReplay(ctx, state.Replay{ID: s.ReplayID, Identity: s.Identity, Room: "den",
			Created: began}); err != nil {
			return nil, err
		}
		if err := db.AddRecording(ctx, rec); err != nil {
			return nil, err
		}
		folder, err := files.NewRecording(ctx, rec.ID)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := os.Link(filepath.Join(media, name), filepath.Join(folder, name)); err != nil {
				return nil, err
			}
		}
		if err := os.WriteFile(filepath.Join(folder, recorder.Playlist), list, 0o640); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// margin is how much more there is before and after what is asked for: copied video begins a little after its sound,
// and may end before it.
const margin = time.Second

// writeMedia encodes a loop and repeats it, with times that go on, into segments.
func writeMedia(ctx context.Context, dir string, o Options) error {
	loop, rate := filepath.Join(dir, "loop.mp4"), fmt.Sprintf("%dk", o.Kbps)
	gop := fmt.Sprint(o.FPS * int(storedSegment.Seconds()))
	// Noise, so that the bitrate is used.
	if err := ffmpeg(ctx, "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=1920x1080:r=%d,noise=alls=30:allf=t", o.FPS), "-f",
		"lavfi",
		"-i", "sine=r=48000", "-t", fmt.Sprint(storedLoop.Seconds()), "-ac", "2", "-c:v", "libx264", "-preset", "ultrafast",
		"-pix_fmt", "yuv420p", "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-nal-hrd", "cbr", "-g",
		gop,
		"-keyint_min", gop, "-sc_threshold", "0", "-bf", "0", "-c:a", "aac", loop); err != nil {
		return err
	}
	defer os.Remove(loop)
	length := fmt.Sprint((o.Length + 2*margin).Seconds())
	return ffmpeg(ctx, "-stream_loop", "-1", "-i", loop, "-t", length, "-c", "copy",
		"-output_ts_offset", fmt.Sprint(clockBase.Seconds()), "-muxdelay", "0", "-muxpreload", "0", "-f", "segment",
		"-segment_time",
		fmt.Sprint(storedSegment.Seconds()-0.1), "-segment_list", filepath.Join(dir, "list.csv"), "-segment_list_type", "csv",
		"-segment_format", "mpegts", filepath.Join(dir, "s_%05d.ts"))
}

// playlist dates the segments of ffmpeg's list.
func playlist(list string, began time.Time) (text []byte, names []string, err error) {
	b, err := os.ReadFile(list)
	if err != nil {
		return nil, nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	out.WriteString("#EXTM3U\n")
	for _, row := range rows {
		if len(row) != 3 {
			return nil, nil, fmt.Errorf("ffmpeg's list of segments has the line %q", row)
		}
		from, err1 := strconv.ParseFloat(row[1], 64)
		to, err2 := strconv.ParseFloat(row[2], 64)
		if err1 != nil || err2 != nil {
			return nil, nil, fmt.Errorf("ffmpeg's list of segments has the line %q", row)
		}
		from = max(from, clockBase.Seconds()) // of the first, ffmpeg says 0
		at := began.Add(time.Duration((from - clockBase.Seconds()) * float64(time.Second)))
		fmt.Fprintf(&out, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.3f,\n%s\n",
			at.Format("2006-01-02T15:04:05.000Z07:00"), to-from, row[0])
		names = append(names, row[0])
	}
	out.WriteString("#EXT-X-ENDLIST\n")
	return out.Bytes(), names, nil
}

func ffmpeg(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg failed (make setup installs it): %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
