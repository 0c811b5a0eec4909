package config_test

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
)

func write(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDefaultsAreValidAndComplete(t *testing.T) {
	_, c, problems := config.Open(t.TempDir())
	if len(problems) > 0 || !reflect.DeepEqual(c, config.Defaults()) {
		t.Errorf("a new user gets %+v with %v", c, problems)
	}
	if err := c.Capture(true).Validate(); err != nil {
		t.Errorf("the recorder refuses the defaults: %v", err)
	}
	if !c.Replay.AtLaunch || c.Sharing.AtLaunch || c.Sharing.BackendURL != "" {
		t.Error("a new user must have the replay on and no backend")
	}
}

func TestSavedSettingsComeBack(t *testing.T) {
	dir := t.TempDir()
	s, c, _ := config.Open(dir)
	c.Sound.Microphone = config.Source{Enabled: true, Device: `mic "one"`, GainDB: -4.5, Muted: true}
	c.Sound.SuppressNoise, c.Sound.MonoMicrophone, c.Sound.Separate = true, true, true
	c.Video = config.Video{Backend: "portal", Source: config.VideoSource{Kind: "window", WindowClass: "Firefox",
		WindowTitle: "Ünïcode \"x\"", Monitor: "DP-1", X: 3}, FrameRate: 60, Quality: "quality", Height: 720,
		BitrateKbps: 9000, ConstantQuality: 23, Encoder: "x264enc"}
	c.Replay = config.Replay{WhenLocked: "record", Seconds: 300, Folder: "/srv/clips"}
	c.Sharing = config.Sharing{AtLaunch: true, BackendURL: "https://replay.example.com/x", Room: "räum",
		StreamQuality: "lower", ViewerClips: "ask", ViewerClipFrom: "local", TellRoom: "chat"}
	c.Hotkeys.Saves = []config.SaveKey{{Keys: "Ctrl+Alt+1", Seconds: 30}, {Keys: "Ctrl+Alt+2", Seconds: 600}}
	if err := s.Save(c); err != nil {
		t.Fatal(err)
	}
	_, again, problems := config.Open(dir)
	if len(problems) > 0 || !reflect.DeepEqual(again, c) {
		t.Errorf("came back as %+v\nwant %+v\n%v", again, c, problems)
	}
	if st, err := os.Stat(s.Path()); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", st.Mode(), err)
	}
	if rest, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
}

func TestMistakesAreNamedAndTheRestCounts(t *testing.T) {
	cases := map[string]struct{ text, key, allowed string }{
		"wrong type":       {"[video]\nframe_rate = \"fast\"", "video.frame_rate", "165 or 240"},
		"wrong number":     {"[video]\nframe_rate = 25", "video.frame_rate", "165 or 240"},
		"not whole":        {"[replay]\nseconds = 60.5", "replay.seconds", "5 to 1200"},
		"too long":         {"[replay]\nseconds = 100000", "replay.seconds", "5 to 1200"},
		"huge":             {"[replay]\nseconds = 9223372036854775807", "replay.seconds", "5 to 1200"},
		"too loud":         {"[sound.microphone]\ngain_db = 21", "sound.microphone.gain_db", "-60 to 20"},
		"not a number":     {"[sound.microphone]\ngain_db = nan", "sound.microphone.gain_db", "-60 to 20"},
		"a flag as text":   {"[sound.desktop]\nenabled = \"yes\"", "sound.desktop.enabled", "true or false"},
		"unknown quality":  {"[video]\nquality = \"ultra\"", "video.quality", "performance, balanced or quality"},
		"odd bitrate":      {"[video]\nbitrate_kbps = 5", "video.bitrate_kbps", "automatic"},
		"a date":           {"[replay]\nfolder = 2026-01-01", "replay.folder", "text in quotes"},
		"relative folder":  {"[replay]\nfolder = \"clips\"", "replay.folder", "absolute path"},
		"no address":       {"[sharing]\nbackend_url = \"replay.example.com\"", "sharing.backend_url", "https://"},
		"password in it":   {"[sharing]\nbackend_url = \"https://u:p@example.com\"", "sharing.backend_url", "https://"},
		"no key":           {"[hotkeys]\nsave = \"Alt+Banana\"", "hotkeys.save", "Alt+F10"},
		"a bare letter":    {"[hotkeys]\nsave = \"S\"", "hotkeys.save", "Alt+F10"},
		"same key twice":   {"[hotkeys]\nsave = \"alt+f9\"", "hotkeys.share", "different from hotkeys.save"},
		"a table as text":  {"video = \"good\"", "video", "[video]"},
		"saves not a list": {"[hotkeys]\nsaves = 3", "hotkeys.saves", "list of tables"},
		"bad save key": {"[[hotkeys.saves]]\nkeys = \"Ctrl+Alt+1\"\nseconds = 1", "hotkeys.saves[0].seconds",
			"5 to 1200"},
		"unknown setting":    {"[video]\nframerate = 30", "video.framerate", "frame_rate"},
		"unknown table":      {"[colour]\nx = 1", "colour", "video"},
		"not TOML":           {"frame_rate: 30", "the settings file", "TOML"},
		"unknown when":       {"[replay]\nwhen_locked = \"sleep\"", "replay.when_locked", "pause or record"},
		"unknown source":     {"[video.source]\nkind = \"tv\"", "video.source.kind", "screen, monitor, window or area"},
		"no monitor":         {"[video.source]\nkind = \"monitor\"", "video.source.kind", "video.source.monitor"},
		"no window":          {"[video.source]\nkind = \"window\"", "video.source.kind", "window_title"},
		"no rectangle":       {"[video.source]\nkind = \"area\"\nwidth = 300", "video.source.kind", "at least 16"},
		"unknown appearance": {"[app]\ntheme = \"pink\"", "app.theme", "system, light or dark"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if name != "not TOML" && !strings.Contains(text, "[app]") {
				text += "\n[app]\nsave_sound = true\n"
			}
			dir := write(t, text)
			s, got, problems := config.Open(dir)
			if len(problems) == 0 {
				t.Fatal("nothing was said about it")
			}
			if problems[0].Key != c.key || !strings.Contains(problems[0].Allowed, c.allowed) {
				t.Errorf("said: %v", problems[0])
			}
			if bad := got.Validate(); len(bad) > 0 {
				t.Errorf("what counts now is not valid: %v", bad)
			}
			if strings.Contains(text, "save_sound") && !got.App.SaveSound {
				t.Error("the good settings beside the mistake were lost")
			}
			after, err := os.ReadFile(s.Path())
			if err != nil || string(after) != text {
				t.Errorf("reading changed the file: %q, %v", after, err)
			}
			if err := s.Save(got); err != nil {
				t.Fatal(err)
			}
			if name == "unknown setting" || name == "unknown table" {
				return // see TestWhatANewerVersionWroteIsKept
			}
			if kept, err := os.ReadFile(s.Path() + ".bak"); err != nil || string(kept) != text {
				t.Errorf("the user's text was not kept: %q, %v", kept, err)
			}
			if _, _, problems := config.Open(dir); len(problems) > 0 {
				t.Errorf("after saving: %v", problems)
			}
		})
	}
}

// What cannot be read at all is not replaced: nothing of it could be kept.
func TestAFileThatCannotBeReadIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.Symlink("config.toml", path); err != nil { // it leads to itself
		t.Fatal(err)
	}
	s, c, problems := config.Open(dir)
	if len(problems) == 0 {
		t.Error("nothing was said about it")
	}
	c.App.SaveSound = true
	if err := s.Save(c); err == nil {
		t.Error("the file was replaced")
	}
	if to, err := os.Readlink(path); err != nil || to != "config.toml" {
		t.Errorf("it is another one now: %q, %v", to, err)
	}
}

// Texts in an older encoding can be saved and read, and a line that cannot be read costs its own value only.
func TestOneBadValueCostsOneValue(t *testing.T) {
	s, c, _ := config.Open(t.TempDir())
	c.Video.Source = config.VideoSource{Kind: "window", WindowClass: "Caf\xe9"}
	c.Video.FrameRate = 60
	if err := s.Save(c); err != nil {
		t.Fatal(err)
	}
	_, again, problems := config.Open(filepath.Dir(s.Path()))
	if len(problems) > 0 || again.Video.Source.WindowClass != "Caf?" || again.Video.FrameRate != 60 {
		t.Errorf("came back as %+v with %v", again.Video, problems)
	}
	for name, bad := range map[string]string{"Latin-1": "encoder = 'Caf\xe9'", "no value": "quality =",
		"no quote": `capture_method = "auto`} {
		_, c, problems := config.Open(write(t, "[video]\n"+bad+"\nframe_rate = 60\n[replay]\nseconds = 300\n"))
		if len(problems) != 1 || c.Video.FrameRate != 60 || c.Replay.Seconds != 300 {
			t.Errorf("%s: %d frames/s, %d s, problems %v", name, c.Video.FrameRate, c.Replay.Seconds, problems)
		}
	}
}

// A file of the release before, with video.way, is read, and the next save writes today's name.
func TestEarlierNamesAreRead(t *testing.T) {
	dir := write(t, "[video]\nway = \"portal\"\nframe_rate = 60\n")
	s, c, problems := config.Open(dir)
	if len(problems) > 0 || c.Video.Backend != "portal" || c.Video.FrameRate != 60 {
		t.Fatalf("read as %+v with %v", c.Video, problems)
	}
	if err := s.Save(c); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.Path())
	if text := string(data); err != nil || !strings.Contains(text, "\ncapture_method = 'portal'\n") ||
		strings.Contains(text, "\nway =") {
		t.Errorf("the file is now, %v:\n%s", err, data)
	}
	_, c, problems = config.Open(write(t, "[video]\nway = \"portal\"\ncapture_method = \"x11\"\n"))
	if len(problems) > 0 || c.Video.Backend != "x11" {
		t.Errorf("today's name has to count: %+v with %v", c.Video, problems)
	}
	_, c, problems = config.Open(write(t, "[video]\nway = \"film\"\n"))
	if len(problems) != 1 || problems[0].Key != "video.capture_method" || c.Video.Backend != "auto" {
		t.Errorf("a wrong value is read as %+v with %v", c.Video, problems)
	}
	t.Setenv("HINDSIGHT_VIDEO_WAY", "x11")
	if _, c, problems = config.Open(dir); len(problems) > 0 || c.Video.Backend != "x11" {
		t.Errorf("the environment is read as %+v with %v", c.Video, problems)
	}
	t.Setenv("HINDSIGHT_VIDEO_CAPTURE_METHOD", "auto")
	if _, c, problems = config.Open(dir); len(problems) > 0 || c.Video.Backend != "auto" {
		t.Errorf("today's variable has to count: %+v with %v", c.Video, problems)
	}
}

func TestEnvironmentOverridesAndStaysOut(t *testing.T) {
	dir := write(t, "[replay]\nseconds = 120\n")
	t.Setenv("HINDSIGHT_REPLAY_SECONDS", "30")
	t.Setenv("HINDSIGHT_SOUND_MICROPHONE_GAIN_DB", "-6")
	t.Setenv("HINDSIGHT_SHARING_ROOM", "42")
	t.Setenv("HINDSIGHT_VIDEO_FRAME_RATE", "many")
	s, c, problems := config.Open(dir)
	if c.Replay.Seconds != 30 || c.Sound.Microphone.GainDB != -6 || c.Sharing.Room != "42" || c.Video.FrameRate != 30 {
		t.Errorf("got %+v", c)
	}
	if len(problems) != 1 || problems[0].Key != "HINDSIGHT_VIDEO_FRAME_RATE" {
		t.Errorf("problems: %v", problems)
	}
	c.Sharing.Room = "changed"
	if err := s.Save(c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HINDSIGHT_REPLAY_SECONDS", "HINDSIGHT_SHARING_ROOM",
		"HINDSIGHT_SOUND_MICROPHONE_GAIN_DB", "HINDSIGHT_VIDEO_FRAME_RATE"} {
		os.Unsetenv(name)
	}
	_, c, _ = config.Open(dir)
	if c.Replay.Seconds != 120 || c.Sound.Microphone.GainDB != 0 || c.Sharing.Room != "changed" {
		t.Errorf("without the environment: %+v", c)
	}
}

func TestSaveRefusesWhatIsNotValid(t *testing.T) {
	dir := t.TempDir()
	s, c, _ := config.Open(dir)
	c.Sound.Desktop.GainDB = math.NaN()
	if err := s.Save(c); err == nil || !strings.Contains(err.Error(), "sound.desktop.gain_db") {
		t.Errorf("Save answers %v", err)
	}
	if _, err := os.Stat(s.Path()); err == nil {
		t.Error("a file was written")
	}
}

// Settings and tables that this version does not know stay in the file, whatever is saved.
func TestWhatANewerVersionWroteIsKept(t *testing.T) {
	dir := write(t, "shape = \"round\"\n[video]\nframe_rate = 60\nhdr = {mode = \"pq\", nits = [400, 1000.5]}\n"+
		"[video.source]\nkind = \"screen\"\nfollow = true\n[colour.wheel]\nsince = 2026-01-01\n"+
		"\"odd key\" = \"\"\"two\nlines\"\"\"\n"+
		"[[hotkeys.saves]]\nkeys = \"Ctrl+F5\"\nseconds = 30\n")
	for range 3 {
		s, c, problems := config.Open(dir)
		if len(problems) != 4 {
			t.Fatalf("problems: %v", problems)
		}
		c.Replay.Seconds += 5
		for range 2 {
			if err := s.Save(c); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"\nshape = 'round'\n", "\n[video]\nhdr = {", "nits = [400, 1000.5]",
			"\n[video.source]\nfollow = true\n", "colour = {wheel = {", "since = 2026-01-01", "[[hotkeys.saves]]"} {
			if n := strings.Count(string(data), want); n != 1 {
				t.Errorf("%q is %d times in the file:\n%s", want, n, data)
			}
		}
	}
	_, c, _ := config.Open(dir)
	if c.Replay.Seconds != 75 || c.Video.FrameRate != 60 || len(c.Hotkeys.Saves) != 1 {
		t.Errorf("read as %+v", c)
	}
	if _, err := os.Stat(filepath.Join(dir, "config.toml.bak")); err == nil {
		t.Error("a copy is kept although nothing is lost")
	}
}

// What an editor or another process has changed since the file was read stays, but for what is changed here.
func TestAnEditWhileItRunsStays(t *testing.T) {
	dir := write(t, "[replay]\nseconds = 90\n[app]\ntheme = \"dark\"\n")
	s, c, _ := config.Open(dir)
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte("[replay]\nseconds = 120\n[app]\ntheme = \"light\"\nsave_sound = true\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	c.App.Theme = "system"
	for range 2 {
		if err := s.Save(c); err != nil {
			t.Fatal(err)
		}
	}
	_, again, problems := config.Open(dir)
	if len(problems) > 0 || again.App.Theme != "system" || again.Replay.Seconds != 120 || !again.App.SaveSound {
		t.Errorf("the file holds %+v, %v", again, problems)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("[video]\nframe_rate = 60")
	f.Add("[[hotkeys.saves]]\nkeys = \"Ctrl+1\"\nseconds = 30\n[[hotkeys.saves]]\nkeys = \"Ctrl+1\"\nseconds = 9")
	f.Add("hotkeys = {save = \"Alt+F9\", share = \"\"}")
	f.Fuzz(func(t *testing.T, text string) {
		s, c, _ := config.Open(write(t, text))
		if bad := c.Validate(); len(bad) > 0 {
			t.Fatalf("not valid: %v", bad)
		}
		if err := s.Save(c); err != nil {
			t.Fatal(err)
		}
		_, again, problems := config.Open(filepath.Dir(s.Path()))
		problems = slices.DeleteFunc(problems, func(p config.Problem) bool { return p.Value == "not a setting" }) // are kept
		if len(problems) > 0 || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v came back as %+v: %v", c, again, problems)
		}
	})
}

// A user without a settings file has not chosen yet; one who has a file has, unless it says otherwise. The environment
// cannot choose.
func TestTheFirstRun(t *testing.T) {
	dir := t.TempDir()
	store, c, _ := config.Open(dir)
	require.True(t, store.FirstRun())
	c.App.FirstRunDone = false
	require.NoError(t, store.Save(c)) // for example a theme, chosen before the question was answered
	require.True(t, store.FirstRun())
	t.Setenv("HINDSIGHT_APP_FIRST_RUN_DONE", "true")
	store, c, _ = config.Open(dir)
	require.True(t, store.FirstRun())
	require.False(t, c.App.FirstRunDone)
	c.App.FirstRunDone = true
	require.NoError(t, store.Save(c))
	require.False(t, store.FirstRun())

	file := filepath.Join(t.TempDir(), "config.toml") // of an older version
	require.NoError(t, os.WriteFile(file, []byte("[replay]\nseconds = 30\n"), 0o600))
	store, c, _ = config.Open(filepath.Dir(file))
	require.False(t, store.FirstRun())
	require.True(t, c.App.FirstRunDone)
}
