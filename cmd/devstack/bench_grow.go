package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// settings are those at which the cost is compared.
var settings = []struct {
	name string
	setting
}{
	{"720p30", setting{1280, 720, 30, 4000}},
	{"1080p30", setting{1920, 1080, 30, 8000}},
	{"1080p60", setting{1920, 1080, 60, 12000}},
	{"1440p30", setting{2560, 1440, 30, 14000}},
	{"2160p30", setting{3840, 2160, 30, 28000}},
}

// grown is what a program costs at a setting.
type grown struct {
	Program string `json:"program"`
	// Cores is CPU time by wall time, Ratio that to what x264 alone took just before and after.
	Cores float64 `json:"cores"`
	Ratio float64 `json:"ratio_to_x264"`
	// Lost of the Drawn frames are missing in what came out.
	Lost  int `json:"lost"`
	Drawn int `json:"drawn"`
	// Stolen is the share of the processors' time that the machine's host took away in the meantime.
	Stolen float64 `json:"stolen"`
}

// growRow is a setting in the last line.
type growRow struct {
	Setting string `json:"setting"`
	Kbps    int    `json:"kbps"`
	// Alone is what x264 alone costs in cores, DrawnFPS how many frames a second were drawn while Hindsight shared.
	Alone    float64 `json:"x264_cores"`
	DrawnFPS float64 `json:"drawn_fps"`
	Programs []grown `json:"programs"`
}

// grow measures Hindsight and ffmpeg at all settings.
func (b *benchCommand) grow(ctx context.Context) error {
	var rows []growRow
	for _, s := range settings {
		if b.Only != "" && b.Only != s.name {
			continue
		}
		fmt.Fprintln(os.Stderr, s.name)
		row, err := b.growTo(ctx, s.setting)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		row.Setting = s.name
		rows = append(rows, *row)
	}
	return printGrown(os.Stdout, rows)
}

// growTo measures all programs at one setting, on a desktop of its own.
func (b *benchCommand) growTo(ctx context.Context, set setting) (*growRow, error) {
	s, err := openStage(ctx, set)
	if err != nil {
		return nil, err
	}
	defer s.close()
	stop, played := s.play(ctx)
	defer stop()
	raw, err := recordRaw(ctx, set, s.world.desktop)
	if err != nil {
		return nil, err
	}
	defer os.Remove(raw)
	stop()
	if err := <-played; err != nil {
		return nil, err
	}
	row := &growRow{Kbps: set.kbps}
	before, err := aloneCores(ctx, set, raw)
	if err != nil {
		return nil, err
	}
	row.Alone = before
	for _, p := range []struct {
		name string
		run  func(ctx context.Context, d time.Duration) (*shared, []int, error)
	}{{"Hindsight, replay", s.growReplay}, {"Hindsight, sharing", s.growSharing}, {"ffmpeg x11grab", s.growFFmpeg}} {
		m, numbers, err := s.watched(ctx, b.length(), p.run)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		after, err := aloneCores(ctx, set, raw)
		if err != nil {
			return nil, err
		}
		drawn := s.screen.Drawn()
		g := grown{Program: p.name, Cores: m.Cores, Ratio: m.Cores / ((before + after) / 2), Stolen: m.Stolen}
		g.Lost, g.Drawn = lost(numbers, drawn, m.from, m.to)
		row.Programs = append(row.Programs, g)
		row.DrawnFPS = float64(g.Drawn) / (m.to.Sub(m.from) - lastMoment).Seconds()
		before = after
	}
	return row, nil
}

// watched runs a program while frames are drawn.
func (s *stage) watched(ctx context.Context, d time.Duration,
	run func(context.Context, time.Duration) (*shared, []int, error)) (*shared, []int, error) {
	if err := s.screen.Reset(); err != nil {
		return nil, nil, err
	}
	stop, played := s.play(ctx)
	defer stop()
	m, numbers, err := run(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	stop()
	return m, numbers, <-played
}

// lastMoment is the end of a measurement, whose frames may be on their way when it is over.
const lastMoment = 500 * time.Millisecond

// lost is how many of the frames that were drawn while something was measured are missing, and how many were drawn.
func lost(numbers []int, drawn []time.Time, from, to time.Time) (missing, of int) {
	seen := map[int]bool{}
	for _, n := range numbers {
		seen[n] = true
	}
	for n, at := range drawn {
		if at.Before(from) || at.After(to.Add(-lastMoment)) {
			continue
		}
		of++
		if !seen[n] {
			missing++
		}
	}
	return missing, of
}

// growReplay is the whole app with its replay, and the frames of a clip that it saves.
func (s *stage) growReplay(ctx context.Context, d time.Duration) (*shared, []int, error) {
	app, err := s.startHindsight(ctx, func(c *config.Config) {
		c.Sharing.AtLaunch = false
		c.Replay.Seconds = int(d.Seconds()) + 1
	})
	if err != nil {
		return nil, nil, err
	}
	defer app.close() //nolint:errcheck // nothing depends on how it ends
	m, err := s.settled(ctx, app.Proc, d)
	if err != nil {
		return nil, nil, err
	}
	if err := app.control(ctx, nil, "save"); err != nil {
		return nil, nil, err
	}
	saved, err := app.await(ctx, time.Minute, func(s session.Snapshot) string {
		switch {
		case s.LastSave == nil || s.LastSave.Local != "saved" && s.LastSave.Local != "failed":
			return "the clip is not saved"
		}
		return ""
	})
	if err != nil {
		return nil, nil, err
	}
	if saved.LastSave.Local == "failed" {
		return nil, nil, fmt.Errorf("the clip is not saved: %s", saved.LastSave.LocalError)
	}
	return s.numbers(ctx, m, saved.LastSave.Clip.Path)
}

// growSharing is the same while it shares, and the frames that a viewer received.
func (s *stage) growSharing(ctx context.Context, d time.Duration) (*shared, []int, error) {
	lk := s.world.livekit
	viewer, err := publishtest.Subscribe(ctx, lk.URL, lk.APIKey, lk.APISecret, room)
	if err != nil {
		return nil, nil, err
	}
	defer viewer.Close()
	app, err := s.startHindsight(ctx, func(*config.Config) {})
	if err != nil {
		return nil, nil, err
	}
	defer app.close() //nolint:errcheck // nothing depends on how it ends
	arrival, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	stream, err := viewer.Wait(arrival, media.Video)
	if err != nil {
		return nil, nil, err
	}
	m, err := s.settled(ctx, app.Proc, d)
	if err != nil {
		return nil, nil, err
	}
	if err := app.close(); err != nil {
		return nil, nil, err
	}
	v, err := s.decode(ctx, stream, len(fromKey(stream.Units())), nil)
	if err != nil {
		return nil, nil, err
	}
	return m, v.numbers, nil
}

// growFFmpeg is ffmpeg with one source of sound.
func (s *stage) growFFmpeg(ctx context.Context, d time.Duration) (*shared, []int, error) {
	w := s.world
	path := filepath.Join(s.dir, "ffmpeg.mkv")
	defer os.Remove(path)
	p, err := stack.Start(ctx, stack.Spec{Name: "ffmpeg", Path: "ffmpeg", Dir: w.logs(),
		Args: s.ffmpeg(w.desktop, w.sound, "matroska", path), Env: append(append([]string{}, w.desktop.Env...),
			w.sound.Env...)})
	if err != nil {
		return nil, nil, err
	}
	defer p.Close()
	m, err := s.settled(ctx, p, d)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Close(); err != nil {
		return nil, nil, err
	}
	return s.numbers(ctx, m, path)
}

// settled measures a program once it has settled.
func (s *stage) settled(ctx context.Context, p *stack.Proc, d time.Duration) (*shared, error) {
	if err := s.screen.Raise(); err != nil {
		return nil, err
	}
	if err := pause(ctx, p, warmUp); err != nil {
		return nil, err
	}
	return observe(ctx, p, d)
}

// numbers reads those of a file's frames.
func (s *stage) numbers(ctx context.Context, m *shared, path string) (*shared, []int, error) {
	v, err := decodeFile(ctx, path, image.Pt(s.width, s.height), func(int) bool { return false })
	if err != nil {
		return nil, nil, err
	}
	return m, v.numbers, nil
}

// printGrown writes a table and, as the last line, the same as JSON.
func printGrown(to io.Writer, rows []growRow) error {
	const line = "%-9s %-20s %8s %8s %18s %9s   %s\n"
	fmt.Fprintf(to, line, "", "", "cores", "ratio", "frames lost", "stolen %", "")
	for _, r := range rows {
		fmt.Fprintf(to, line, r.Setting, "x264 alone", fmt.Sprintf("%.3f", r.Alone), "1.00", "", "",
			fmt.Sprintf("%d kb/s", r.Kbps))
		for _, g := range r.Programs {
			note := ""
			if g.Lost*20 > g.Drawn {
				note = "this machine does not hold it"
			}
			fmt.Fprintf(to, line, "", g.Program, fmt.Sprintf("%.3f", g.Cores), fmt.Sprintf("%.2f", g.Ratio),
				fmt.Sprintf("%d of %d", g.Lost, g.Drawn), fmt.Sprintf("%.1f", 100*g.Stolen), note)
		}
		fmt.Fprintf(to, line, "", "drawn", "", "", "", "", fmt.Sprintf("%.1f frames/s", r.DrawnFPS))
	}
	fmt.Fprintln(to, "ratio: to x264 alone on the same frames, which is measured before and after each; Hindsight has "+
		"two sources of sound,\nffmpeg one; lost: of the frames that were drawn; sharing: at a viewer")
	return json.NewEncoder(to).Encode(rows)
}
