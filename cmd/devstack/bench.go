package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// benchKbps is the bitrate of every contender in kb/s, benchFrames how many pictures x264 alone gets.
const (
	benchKbps   = 8000
	benchFrames = 300
)

// x264Setup is how every contender encodes, in gst-launch's words.
const x264Setup = "x264enc bitrate=8000 key-int-max=60 bframes=0 tune=zerolatency speed-preset=ultrafast"

type benchCommand struct {
	Rounds  int `help:"How often each one is measured." default:"3"`
	Seconds int `help:"How long each one is measured, in seconds." default:"15"`
}

// contender is one program that captures the same screen and sound at the same settings.
type contender struct {
	Name string
	spec stack.Spec
	// cores is CPU time by wall time of each round, rss the highest memory in MiB.
	cores []float64
	rss   float64
}

type benchRow struct {
	Name  string  `json:"name"`
	Cores float64 `json:"cores"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Ratio float64 `json:"ratio_to_x264"`
	MiB   float64 `json:"mib,omitempty"`
}

// Run measures all contenders in turn, round by round, on one moving 1080p30 desktop with sound.
func (b *benchCommand) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "hs-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := stack.StartDesktop(ctx, dir, stack.DesktopOptions{WindowManager: true, Panel: true})
	if err != nil {
		return err
	}
	defer d.Close()
	s, err := stack.StartSound(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	p, err := stack.StartPattern(ctx, stack.PatternOptions{Display: d.Display, PulseServer: s.Server, DesktopSink: s.DesktopSink, MicSink: s.MicSink})
	if err != nil {
		return err
	}
	defer p.Close()
	raw, err := recordRaw(ctx, d)
	if err != nil {
		return err
	}
	defer os.Remove(raw)
	all, err := contenders(dir, d, s)
	if err != nil {
		return err
	}
	alone := &contender{Name: "x264 alone"}
	for round := range b.Rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.Rounds)
		if err := alone.encodeRaw(ctx, raw); err != nil {
			return err
		}
		for _, c := range all {
			if err := c.measure(ctx, time.Duration(b.Seconds)*time.Second); err != nil {
				return err
			}
		}
	}
	return printBench(append([]*contender{alone}, all...))
}

// recordRaw keeps pictures of the moving desktop as x264 takes them.
func recordRaw(ctx context.Context, d *stack.Desktop) (string, error) {
	folder := "/dev/shm" // memory: reading them must cost nothing
	if _, err := os.Stat(folder); err != nil {
		folder = os.TempDir()
	}
	f, err := os.CreateTemp(folder, "hs-bench-*.i420")
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	line := fmt.Sprintf("ximagesrc use-damage=false num-buffers=%d ! video/x-raw,framerate=30/1 ! videoconvert ! video/x-raw,format=I420 ! filesink location=%s", benchFrames, f.Name())
	if out, err := d.Command(ctx, "gst-launch-1.0", append([]string{"-q"}, strings.Fields(line)...)...).CombinedOutput(); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("the pictures for x264 cannot be recorded: %w: %s", err, out)
	}
	return f.Name(), nil
}

// encodeRaw is what x264 alone costs: the same pictures from memory, nothing else.
func (c *contender) encodeRaw(ctx context.Context, raw string) error {
	line := fmt.Sprintf("filesrc location=%s blocksize=3110400 ! rawvideoparse format=i420 width=1920 height=1080 framerate=30/1 ! %s ! fakesink", raw, x264Setup)
	cmd := exec.CommandContext(ctx, "gst-launch-1.0", append([]string{"-q"}, strings.Fields(line)...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("x264 alone cannot be measured: %w: %s", err, out)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.cores = append(c.cores, used.Seconds()/benchFrames*30)
	return nil
}

func contenders(dir string, d *stack.Desktop, s *stack.Sound) ([]*contender, error) {
	program, err := built("hindsight")
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(dir, "settings")
	store, c, problems := config.Open(settings)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	c.Video.Quality, c.Video.BitrateKbps, c.Video.Encoder = "performance", benchKbps, "x264enc"
	c.Replay.Folder = filepath.Join(dir, "clips")
	if err := store.Save(c); err != nil {
		return nil, err
	}
	env := append(append([]string{"LANG=en_US.UTF-8"}, d.Env...), s.Env...)
	gst := "ximagesrc use-damage=false ! video/x-raw,framerate=30/1 ! videoconvert ! video/x-raw,format=I420 ! " + x264Setup +
		" ! fakesink pulsesrc device=" + s.DesktopMonitor + " ! audioconvert ! avenc_aac bitrate=192000 ! fakesink"
	ffmpeg := "-nostdin -v error -f x11grab -framerate 30 -video_size 1920x1080 -i " + d.Display + " -f pulse -i " + s.DesktopMonitor +
		" -c:v libx264 -preset ultrafast -tune zerolatency -b:v 8000k -maxrate 8000k -bufsize 4800k -g 60 -pix_fmt yuv420p -c:a aac -b:a 192k -f null -"
	return []*contender{
		{Name: "Hindsight", spec: stack.Spec{
			Name: "hindsight", Path: program, Args: []string{"--hidden"}, Dir: dir,
			Env: append([]string{"HINDSIGHT_CONFIG_DIR=" + settings, "HINDSIGHT_RUNTIME_DIR=" + dir}, env...),
		}},
		{Name: "gst-launch", spec: stack.Spec{Name: "gst-launch", Path: "gst-launch-1.0", Args: append([]string{"-q"}, strings.Fields(gst)...), Dir: dir, Env: env}},
		{Name: "ffmpeg x11grab", spec: stack.Spec{Name: "ffmpeg", Path: "ffmpeg", Args: strings.Fields(ffmpeg), Dir: dir, Env: env}},
	}, nil
}

// warmUp is how long a program runs before it is measured.
const warmUp = 5 * time.Second

// measure starts the program, lets it settle and counts its CPU time.
func (c *contender) measure(ctx context.Context, length time.Duration) error {
	p, err := stack.Start(ctx, c.spec)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := pause(ctx, p, warmUp); err != nil {
		return err
	}
	before, err := cpuTime(p.PID())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, p, length); err != nil {
		return err
	}
	after, err := cpuTime(p.PID())
	if err != nil {
		return err
	}
	c.cores = append(c.cores, (after-before).Seconds()/time.Since(began).Seconds())
	c.rss = max(c.rss, memoryMiB(p.PID()))
	return nil
}

func pause(ctx context.Context, p *stack.Proc, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.Done():
		return fmt.Errorf("%s ended while it was measured: %s", filepath.Base(p.LogPath()), p.Tail(500))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cpuTime is user and system time of a process and all its threads (proc(5), /proc/pid/stat, fields 14 and 15, in
// hundredths of a second).
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// memoryMiB is the process's own memory now: anonymous pages, in MiB (proc(5), /proc/pid/status, RssAnon).
func memoryMiB(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

func printBench(all []*contender) error {
	median := func(v []float64) float64 {
		s := slices.Clone(v)
		slices.Sort(s)
		return s[len(s)/2]
	}
	base := median(all[0].cores)
	var rows []benchRow
	fmt.Printf("%-16s %8s %16s %8s %10s\n", "1080p30, moving", "cores", "(low to high)", "ratio", "memory")
	for _, c := range all {
		r := benchRow{Name: c.Name, Cores: median(c.cores), Low: slices.Min(c.cores), High: slices.Max(c.cores), MiB: c.rss}
		r.Ratio = r.Cores / base
		rows = append(rows, r)
		memory := ""
		if r.MiB > 0 {
			memory = fmt.Sprintf("%.0f MiB", r.MiB)
		}
		fmt.Printf("%-16s %8.3f %7.3f to %5.3f %8.2f %10s\n", r.Name, r.Cores, r.Low, r.High, r.Ratio, memory)
	}
	return json.NewEncoder(os.Stdout).Encode(rows)
}
