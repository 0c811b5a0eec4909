package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// setting is what is captured, and the bitrate that every contender has.
type setting struct{ width, height, fps, kbps int }

// benchSetting is that of the comparison with other programs.
var benchSetting = setting{1920, 1080, 30, benchKbps}

// x264 is how every contender encodes, in gst-launch's words.
func (s setting) x264() string {
	return fmt.Sprintf("x264enc bitrate=%d key-int-max=%d bframes=0 tune=zerolatency speed-preset=ultrafast", s.kbps,
		2*s.fps)
}

// frames is how many x264 alone gets: they are in memory.
func (s setting) frames() int { return min(benchFrames, 1_200_000_000/s.bytes()) }

// bytes is the size of a frame as x264 takes it.
func (s setting) bytes() int { return s.width * s.height * 3 / 2 }

// ffmpeg is a screen recorder of one command line, which encodes alike. Its output goes to the muxer and file named.
func (s setting) ffmpeg(d *stack.Desktop, sound *stack.Sound, output ...string) []string {
	line := fmt.Sprintf("-nostdin -v error -f x11grab -framerate %d -video_size %dx%d -i %s -f pulse -i %s "+
		"-c:v libx264 -preset ultrafast -tune zerolatency -b:v %dk -maxrate %[6]dk -bufsize %[7]dk -g %[8]d "+
		"-pix_fmt yuv420p -c:a aac -b:a 192k -f", s.fps, s.width, s.height, d.Display, sound.DesktopMonitor, s.kbps,
		s.kbps*6/10, 2*s.fps)
	return append(strings.Fields(line), output...)
}

// contender is one program that captures the same screen and sound at the same settings.
type contender struct {
	result
	spec stack.Spec
	// key saves a replay of benchReplay seconds to the folder, where the program has one.
	key, folder string
}

func contenders(dir string, d *stack.Desktop, s *stack.Sound) ([]*contender, error) {
	hindsight, err := hindsightContender(dir, d, s)
	if err != nil {
		return nil, err
	}
	obs, err := obsContender(dir, d, s)
	if err != nil {
		return nil, err
	}
	env := append(append([]string{"LANG=en_US.UTF-8"}, d.Env...), s.Env...)
	gst := "ximagesrc use-damage=false ! video/x-raw,framerate=30/1 ! videoconvert ! video/x-raw,format=I420 ! " +
		benchSetting.x264() +
		" ! fakesink pulsesrc device=" + s.DesktopMonitor + " ! audioconvert ! avenc_aac bitrate=192000 ! fakesink"
	return []*contender{
		hindsight,
		obs,
		{result: result{name: "gst-launch"}, spec: stack.Spec{Name: "gst-launch", Path: "gst-launch-1.0",
			Args: append([]string{"-q"}, strings.Fields(gst)...), Dir: dir, Env: env}},
		{result: result{name: "ffmpeg x11grab"}, spec: stack.Spec{Name: "ffmpeg", Path: "ffmpeg",
			Args: benchSetting.ffmpeg(d, s, "null", "-"), Dir: dir, Env: env}},
	}, nil
}

func hindsightContender(dir string, d *stack.Desktop, s *stack.Sound) (*contender, error) {
	program, err := built("hindsight")
	if err != nil {
		return nil, err
	}
	settings, clips := filepath.Join(dir, "settings"), filepath.Join(dir, "clips")
	store, c, problems := config.Open(settings)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	c.Video.Quality, c.Video.BitrateKbps, c.Video.Encoder = "performance", benchKbps, "x264enc"
	c.Replay.Folder, c.Replay.Seconds = clips, benchReplay
	if err := store.Save(c); err != nil {
		return nil, err
	}
	env := append(append([]string{"LANG=en_US.UTF-8", "HINDSIGHT_CONFIG_DIR=" + settings, "HINDSIGHT_RUNTIME_DIR=" + dir},
		d.Env...), s.Env...)
	return &contender{result: result{name: "Hindsight"}, key: "alt+F10", folder: clips,
		spec: stack.Spec{Name: "hindsight", Path: program, Args: []string{"--hidden"}, Dir: dir, Env: env}}, nil
}

// obsContender is OBS with its replay buffer on, set up by its own files.
func obsContender(dir string, d *stack.Desktop, s *stack.Sound) (*contender, error) {
	home, clips := filepath.Join(dir, "obs"), filepath.Join(dir, "obs-clips")
	basic := filepath.Join(home, "obs-studio", "basic")
	files := map[string]string{
		filepath.Join(home, "obs-studio", "global.ini"): "[General]\nFirstRun=true\nLastVersion=486539266\n" +
			"[Basic]\nProfile=Bench\nProfileDir=Bench\nSceneCollection=Bench\nSceneCollectionFile=Bench\n" +
			"[OBSWebSocket]\nFirstLoad=false\nServerEnabled=false\n",
		filepath.Join(basic, "profiles", "Bench", "basic.ini"): fmt.Sprintf("[General]\nName=Bench\n"+
			"[Video]\nBaseCX=1920\nBaseCY=1080\nOutputCX=1920\nOutputCY=1080\nFPSCommon=30\n"+
			"[Audio]\nSampleRate=48000\n[Output]\nMode=Simple\n"+
			"[SimpleOutput]\nVBitrate=%d\nABitrate=192\nUseAdvanced=true\n"+
			"Preset=ultrafast\nStreamEncoder=x264\nRecQuality=Stream\n"+
			"RecRB=true\nRecRBTime=%d\nRecRBSize=512\nRecFormat=mp4\nFilePath=%s\n"+
			"[Hotkeys]\nReplayBuffer={\"ReplayBuffer.Save\":[{\"key\":\"OBS_KEY_F8\"}]}\n", benchKbps, benchReplay, clips),
		filepath.Join(basic, "scenes", "Bench.json"): `{"name":"Bench","current_scene":"Scene","current_program_scene":"Scene","scene_order":[{"name":"Scene"}],` +
			`"DesktopAudioDevice1":{"name":"Desktop","id":"pulse_output_capture","settings":{"device_id":"default"},"mixers":1},` +
			`"AuxAudioDevice1":{"name":"Mic","id":"pulse_input_capture","settings":{"device_id":"default"},"mixers":1},"sources":[` +
			`{"name":"Screen","id":"xshm_input","settings":{"screen":0,"show_cursor":true}},` +
			`{"name":"Scene","id":"scene","settings":{"items":[{"name":"Screen","visible":true,"id":1}],"id_counter":1,"custom_size":false}}]}`,
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(clips, 0o755); err != nil {
		return nil, err
	}
	env := append(append(append([]string{"LANG=en_US.UTF-8"}, d.Env...), s.Env...), "XDG_CONFIG_HOME="+home)
	args := strings.Fields("--multi --startreplaybuffer --minimize-to-tray --disable-updater " +
		"--disable-missing-files-check")
	return &contender{result: result{name: "OBS"}, key: "F8", folder: clips,
		spec: stack.Spec{Name: "obs", Path: "obs", Args: args, Dir: dir, Env: env}}, nil
}

// benchPasses is how often x264 alone is measured each time: on a virtual machine one pass differs from the next by a
// tenth.
const benchPasses = 4

// aloneCores is what x264 alone costs in cores, in the mean of all passes.
func aloneCores(ctx context.Context, s setting, raw string) (float64, error) {
	sum := 0.0
	for range benchPasses {
		cores, err := encodeRaw(ctx, s, raw)
		if err != nil {
			return 0, err
		}
		sum += cores
	}
	return sum / benchPasses, nil
}

// encodeRaw is one pass of x264 alone: frames of the moving desktop from memory, nothing else.
func encodeRaw(ctx context.Context, s setting, raw string) (float64, error) {
	line := fmt.Sprintf("filesrc location=%s blocksize=%d ! rawvideoparse format=i420 width=%d height=%d "+
		"framerate=%d/1 ! %s ! fakesink", raw, s.bytes(), s.width, s.height, s.fps, s.x264())
	cmd := exec.CommandContext(ctx, "gst-launch-1.0", append([]string{"-q"}, strings.Fields(line)...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("x264 alone cannot be measured: %w: %s", err, out)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return used.Seconds() / float64(s.frames()) * float64(s.fps), nil
}

// recordRaw keeps frames of the moving desktop as x264 takes them.
func recordRaw(ctx context.Context, s setting, d *stack.Desktop) (string, error) {
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
	line := fmt.Sprintf("ximagesrc use-damage=false num-buffers=%d ! video/x-raw,framerate=%d/1 ! videoconvert ! "+
		"video/x-raw,format=I420 ! filesink location=%s", s.frames(), s.fps, f.Name())
	if out, err := d.Command(ctx, "gst-launch-1.0",
		append([]string{"-q"}, strings.Fields(line)...)...).CombinedOutput(); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("the frames for x264 cannot be recorded: %w: %s", err, out)
	}
	return f.Name(), nil
}

// measure starts the program, lets it settle, counts its CPU time in cores, and does what is to be done then.
func (c *contender) measure(ctx context.Context, length time.Duration, then func() error) (cores float64, err error) {
	p, err := stack.Start(ctx, c.spec)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	if err := pause(ctx, p, warmUp); err != nil {
		return 0, err
	}
	before, err := cpuTime(p.PID())
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := pause(ctx, p, length); err != nil {
		return 0, err
	}
	after, err := cpuTime(p.PID())
	if err != nil {
		return 0, err
	}
	cores = (after - before).Seconds() / time.Since(began).Seconds()
	c.mib = max(c.mib, memoryMiB(p.PID()))
	return cores, then()
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
	return fieldMiB(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:")
}
