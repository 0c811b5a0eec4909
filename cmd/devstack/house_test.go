package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/hindsight-app/hindsight/"

// topLevel is everything that may lie at the top of the repository.
var topLevel = []string{
	"cmd", "app", "capture", "publish", "assets", "FyneApp.toml", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE",
	"CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", ".ci", ".git", ".gitignore", ".golangci.yml", ".github",
	".editorconfig",
}

// rule says which packages may import something. Packages are folders; "x/..." is x and all below it.
type rule struct {
	why string
	// what is imported: paths inside the module are written without its name.
	what []string
	// by are the only packages that may.
	by []string
}

// only are the imports that few packages may have. Tests may import what their helpers need: see allowedInTests.
var only = []rule{
	{"Fyne stays in the window, its texts in app/locale", []string{"fyne.io/..."}, []string{"app/ui/...", "app/locale"}},
	{"the window is the app's alone", []string{"app/ui/..."}, []string{"app", "app/ui/...", "cmd/hindsight"}},
	{"x/hotkey loses other keys on X11", []string{"golang.design/x/hotkey/..."}, []string{"app/hotkey/x11"}},
	{"the app chooses where hotkeys come from", []string{"app/hotkey/x11"}, []string{"app", "app/hotkey/x11"}},
	{"LiveKit's SDK stays in three packages", []string{"github.com/livekit/server-sdk-go/..."},
		[]string{"publish/livekit", "publish/backend/recorder", "publish/backend/embedded"}},
	{"package uploads speaks tus", []string{"github.com/tus/..."}, []string{"publish/backend/uploads"}},
	{"buckets are storage's business", []string{"gocloud.dev/..."}, []string{"publish/backend/storage"}},
	{"few packages use GStreamer", []string{"capture/gst"},
		[]string{"capture/gst", "capture/source", "capture/encode/gstenc", "capture/clip", "capture/export",
			"capture/play"}},
	{"one table knows who makes encoders", []string{"capture/encode/gstenc"},
		[]string{"capture/encode", "capture/encode/gstenc"}},
	{"programs are no libraries", []string{"cmd/..."}, []string{"cmd/devstack/..."}},
	{"the app is the outermost package", []string{"app/..."}, []string{"app/...", "cmd/hindsight", "cmd/hindsightctl",
		"cmd/devstack/..."}},
	{"sharing is the app's business", []string{"publish", "publish/livekit"}, []string{"app/...", "publish"}},
	{"the service is no library", []string{"publish/backend/..."},
		[]string{"publish/backend/...", "cmd/hindsight-backend", "cmd/devstack/..."}},
}

// backendParts are what both halves of the backend work with, the calls and the keeper, which do not know each other.
const backendParts = "publish/backend/state publish/backend/recorder publish/backend/buffers publish/backend/leases"

// within are packages that may import only a few others of this module.
var within = []struct{ pkg, may string }{
	{"capture/media", ""},
	{"capture/clock", ""},
	{"capture/gst", ""},
	{"capture/mp4", "capture/media"},
	{"capture/source", "capture/media capture/clock capture/gst capture/source/..."},
	{"capture/portal", ""},
	{"capture/source/portal", "capture/portal"},
	{"capture/source/x11", "capture/media"},
	{"capture/encode", "capture/media capture/encode/..."},
	{"capture/encode/gstenc", "capture/media capture/gst capture/encode/engine"},
	{"capture/encode/yuv", "capture/media capture/encode/engine"},
	{"capture/encode/...", "capture/media"},
	{"capture/clip", "capture/media capture/encode capture/gst capture/mix capture/mp4"},
	{"capture/export", "capture/media capture/encode capture/gst capture/mp4 capture/clip"},
	{"capture/play", "capture/media capture/clip capture/clock capture/gst capture/mix capture/mp4"},
	{"capture/mix", "capture/media"},
	{"capture/mute", ""},
	{"capture/video", "capture/media capture/mute capture/encode"},
	{"capture/audio", "capture/media capture/mute capture/encode capture/mix capture/source"},
	{"capture/fanout", "capture/media"},
	{"capture/replay", "capture/media"},
	{"capture/...", "capture/..."},
	{"publish/api", ""},
	{"publish/client", "publish/api"},
	{"publish/backend/command", "publish/api publish/backend/... assets/duration assets/manual assets/version"},
	{"publish/backend/keeper", "publish/api " + backendParts + " publish/backend/cut capture/media"},
	{"publish/backend/web", "publish/api " + backendParts +
		" publish/backend/hls publish/backend/poster publish/backend/storage assets/icons"},
	{"publish/backend/buffers", "publish/backend/state publish/backend/cut publish/backend/hls capture/mp4"},
	{"publish/backend/uploads", "publish/api publish/backend/state publish/backend/leases publish/backend/poster " +
		"capture/mp4 capture/media"},
	{"publish/backend/archive", "publish/backend/state"},
	{"publish/backend/leases", ""},
	{"publish/backend/poster", ""},
	{"publish/backend/...", "publish/api publish/backend/... capture/mp4 capture/media"},
	{"publish/...", "publish/... capture/media capture/fanout"},
	{"assets", ""},
}

// unwanted are names of folders that say nothing.
var unwanted = []string{"internal", "pkg", "util", "utils", "common", "helpers", "misc"}

// file is one Go file with what it imports.
type file struct {
	path, pkg string
	imports   []string
	lines     int
}

// isTest finds tests and the packages made for them.
func (f file) isTest() bool {
	return strings.HasSuffix(f.path, "_test.go") || strings.HasSuffix(f.pkg, "test")
}

// covers reports whether a pattern holds a path.
func covers(pattern, path string) bool {
	pkg, below := strings.CutSuffix(pattern, "/...")
	return path == pkg || below && strings.HasPrefix(path, pkg+"/")
}

func anyCovers(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, path) })
}

// allowedInTests are the imports that tests have and programs have not: servers, helpers, and other packages to try one
// with. Fyne and the hotkeys stay where they are even there.
func allowedInTests(imp string) bool {
	return !covers("fyne.io/...", imp) && !covers("golang.design/x/...", imp)
}

// broken names the rules a file breaks.
func broken(f file) []string {
	var out []string
	for _, imp := range f.imports {
		if f.isTest() && allowedInTests(imp) {
			continue
		}
		local, inside := strings.CutPrefix(imp, module)
		for _, r := range only {
			if anyCovers(r.what, local) && !anyCovers(r.by, f.pkg) {
				out = append(out, f.path+" imports "+local+", but "+r.why)
			}
		}
		if inside && strings.HasSuffix(local, "test") && !covers("cmd/devstack/...", f.pkg) {
			out = append(out, f.path+" imports "+local+", which is for tests")
		}
		if inside && !mayImport(f.pkg, local) {
			out = append(out, f.path+" imports "+local+", which its package may not")
		}
	}
	return out
}

// mayImport asks the first entry of within that holds the package.
func mayImport(pkg, local string) bool {
	for _, w := range within {
		if covers(w.pkg, pkg) {
			return anyCovers(strings.Fields(w.may), local)
		}
	}
	return true
}

// house reads the imports of every Go file of the module, for every system.
func house(t *testing.T) []file {
	t.Helper()
	var files []file
	walk(t, func(path, rel string) error {
		if filepath.Ext(rel) != ".go" {
			return nil
		}
		f, err := read(path, rel)
		files = append(files, f)
		return err
	})
	require.NotEmpty(t, files)
	return files
}

// walk calls visit for every file of this module, with its path from here and from the top of the repository.
func walk(t *testing.T, visit func(path, rel string) error) {
	t.Helper()
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			return enter(rel, path, d.Name())
		}
		return visit(path, rel)
	}))
}

// enter skips what is not this module's: built things, hidden folders, test data and nested modules.
func enter(rel, path, name string) error {
	if rel == "." {
		return nil
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	if err == nil || strings.HasPrefix(name, ".") || name == "testdata" || rel == "bin" || rel == "demo-out" {
		return filepath.SkipDir
	}
	return nil
}

func read(path, rel string) (file, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	tree, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	if err != nil {
		return file{}, err
	}
	f := file{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel)), lines: strings.Count(string(src), "\n")}
	for _, spec := range tree.Imports {
		f.imports = append(f.imports, strings.Trim(spec.Path.Value, `"`))
	}
	return f, nil
}

func TestImportsKeepToTheHouse(t *testing.T) {
	var all []string
	for _, f := range house(t) {
		all = append(all, broken(f)...)
	}
	require.Empty(t, all, "CONTRIBUTING.md says which package may import which:\n"+strings.Join(all, "\n"))
}

// TestRulesCatch holds imports that the rules must refuse or let through, so that no rule can rot unseen.
func TestRulesCatch(t *testing.T) {
	for _, c := range []struct {
		path, imp string
		ok        bool
	}{
		{"capture/media/media.go", module + "capture/gst", false},
		{"capture/media/media.go", "fmt", true},
		{"capture/mix/mix.go", module + "capture/gst", false},
		{"capture/source/source.go", module + "capture/gst", true},
		{"capture/encode/video.go", module + "capture/gst", false},
		{"capture/encode/gstenc/video.go", module + "capture/gst", true},
		{"capture/recorder.go", module + "capture/encode/gstenc", false},
		{"capture/clip/clip.go", module + "capture/mp4", true},
		{"capture/recorder.go", module + "publish/api", false},
		{"capture/recorder.go", module + "app/config", false},
		{"publish/backend/web/routes.go", module + "capture/media", false},
		{"publish/backend/keeper/keeper.go", module + "capture/media", true},
		{"publish/backend/keeper/keeper.go", module + "capture/replay", false},
		{"publish/backend/cut/cut.go", module + "capture/mp4", true},
		{"publish/backend/web/routes.go", module + "publish/backend/keeper", false},
		{"publish/backend/keeper/keeper.go", module + "publish/backend/web", false},
		{"publish/backend/backend.go", module + "publish/backend/web", true},
		{"publish/backend/leases/leases.go", module + "publish/backend/state", false},
		{"publish/backend/backend.go", module + "app/config", false},
		{"publish/backend/web/routes.go", "github.com/livekit/server-sdk-go/v2", false},
		{"publish/backend/keeper/keeper.go", "gocloud.dev/blob", false},
		{"publish/backend/storage/bucket.go", "gocloud.dev/gcerrors", true},
		{"publish/publisher.go", "github.com/livekit/server-sdk-go/v2", false},
		{"publish/livekit/track.go", "github.com/livekit/server-sdk-go/v2", true},
		{"publish/publisher.go", module + "capture", false},
		{"app/session/session.go", module + "app/ui", false},
		{"app/session/session.go", "fyne.io/fyne/v2", false},
		{"app/session/session_test.go", "fyne.io/fyne/v2", false},
		{"app/run.go", module + "app/ui", true},
		{"app/ui/tray.go", "fyne.io/systray", true},
		{"app/config/config.go", "golang.design/x/hotkey", false},
		{"cmd/hindsightctl/main.go", module + "app/ui", false},
		{"cmd/hindsightctl/main.go", module + "app/hotkey/x11", false},
		{"publish/livekit/track.go", module + "cmd/devstack/stack", false},
		{"publish/livekit/track_test.go", module + "cmd/devstack/stack", true},
		{"app/run.go", module + "capture/capturetest", false},
		{"cmd/devstack/examine.go", module + "capture/capturetest", true},
	} {
		f := file{path: c.path, pkg: filepath.ToSlash(filepath.Dir(c.path)), imports: []string{c.imp}}
		require.Equal(t, c.ok, len(broken(f)) == 0, "%s imports %s: %v", c.path, c.imp, broken(f))
	}
}

// TestCommandLineToolIsSmall follows every import of hindsightctl: it must start where there is no display.
func TestCommandLineToolIsSmall(t *testing.T) {
	imports := map[string][]string{}
	for _, f := range house(t) {
		if !f.isTest() {
			imports[f.pkg] = append(imports[f.pkg], f.imports...)
		}
	}
	seen := map[string]bool{}
	var visit func(pkg string, way []string)
	visit = func(pkg string, way []string) {
		way = append(slices.Clone(way), pkg)
		for _, imp := range imports[pkg] {
			require.False(t, covers("fyne.io/...", imp) || covers("golang.design/x/hotkey/...", imp) || imp == "C",
				"%s imports %s", strings.Join(way, " → "), imp)
			if local, inside := strings.CutPrefix(imp, module); inside && !seen[local] {
				seen[local] = true
				visit(local, way)
			}
		}
	}
	require.NotEmpty(t, imports["cmd/hindsightctl"])
	visit("cmd/hindsightctl", nil)
}

// starters are the packages whose own tests start servers. Others have those in a package of their name and "test", so
// that what needs no server is in make check.
var starters = map[string]string{
	"app/hotkey/x11":     "each of its tests presses keys on an X server",
	"publish/backend":    "it puts the service together, and each of its tests runs it",
	"cmd/devstack":       "the program starts everything; its tests only read the repository",
	"cmd/devstack/stack": "it is what starts servers",
}

// TestTestsOfLogicStartNoServer follows the imports of tests as packages.sh does: what starts a server imports stack.
func TestTestsOfLogicStartNoServer(t *testing.T) {
	const stack = "cmd/devstack/stack"
	files := house(t)
	imports := map[string][]string{}
	for _, f := range files {
		if !strings.HasSuffix(f.path, "_test.go") {
			imports[f.pkg] = append(imports[f.pkg], f.imports...)
		}
	}
	var starts func(list []string, seen map[string]bool) bool
	starts = func(list []string, seen map[string]bool) bool {
		for _, imp := range list {
			local, inside := strings.CutPrefix(imp, module)
			if local == stack {
				return true
			}
			if inside && !seen[local] {
				seen[local] = true
				if starts(imports[local], seen) {
					return true
				}
			}
		}
		return false
	}
	used := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.path, "_test.go") || strings.HasSuffix(f.pkg, "test") ||
			!starts(append(f.imports, imports[f.pkg]...), map[string]bool{}) {
			continue
		}
		used[f.pkg] = true
		require.Contains(t, starters, f.pkg, "%s starts servers: move it to %s/%stest", f.path, f.pkg, filepath.Base(f.pkg))
	}
	require.Len(t, used, len(starters), "packages whose tests start no server any longer: %v", used)
}

// lazy finds tests that skip, and those that sleep, in disguise as well.
var lazy = regexp.MustCompile(`\btime\.(Sleep|After|Tick)\(|\.Skip[fN]?(?:ow)?\(`)

// timer finds what else waits for time to pass. Tests have it only where time is the matter.
var timer = regexp.MustCompile(`\btime\.(NewTimer|NewTicker|AfterFunc)\(`)

// timed are the tests and helpers where it is.
var timed = map[string]string{
	"app/apptest/engine.go":                                 "saves some seconds after a press, as the recorder does",
	"cmd/devstack/stack/pattern_test.go":                    "samples a screen",
	"publish/backend/backendtest/publisher.go":              "plays",
	"publish/backend/cut/memory_test.go":                    "samples memory",
	"publish/backend/embedded/embeddedtest/hostile_test.go": "plays, and samples memory",
	"publish/backend/leases/leases_test.go":                 "waits in a bubble of synctest, where it costs no time",
	"publish/backend/load_test.go":                          "measures what a service costs that does nothing",
	"publish/backend/viewers_test.go":                       "measures what viewers cost, who look as often as players do",
	"publish/publishtest/source.go":                         "plays",
}

// A test that skips proves nothing, and one that sleeps is slow on a quick machine and wrong on a slow one. Tests wait
// for states and messages, with package wait or require.Eventually.
func TestTestsNeitherSkipNorSleep(t *testing.T) {
	for _, sleeps := range []string{"time.Sleep(d)", "<-time.After(time.Second)", "t.Skip(", "t.SkipNow()", "b.Skipf("} {
		require.True(t, lazy.MatchString(sleeps), sleeps)
	}
	used := map[string]bool{}
	for _, f := range house(t) {
		if !f.isTest() || f.path == "cmd/devstack/house_test.go" {
			continue
		}
		src, err := os.ReadFile(filepath.Join("..", "..", f.path))
		require.NoError(t, err)
		for i, line := range strings.Split(string(src), "\n") {
			require.False(t, lazy.MatchString(line), "%s%s", at(f.path, i+1), strings.TrimSpace(line))
			if timer.MatchString(line) {
				used[f.path] = true
				require.Contains(t, timed, f.path, "%swait for what happens, not for time: %s", at(f.path, i+1), line)
			}
		}
	}
	require.Len(t, used, len(timed), "files that need no timer any longer: %v", used)
}

// The lists of tests for the race detector and of those that record in real time name tests that there are, so that
// none drops out of them unseen.
func TestListedTestsExist(t *testing.T) {
	tests := map[string]string{} // by package, the text of all its tests
	for _, f := range house(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			src, err := os.ReadFile(filepath.Join("..", "..", f.path))
			require.NoError(t, err)
			tests[f.pkg] += string(src)
		}
	}
	for _, list := range []string{"race.txt", "realtime.txt"} {
		text, err := os.ReadFile(list)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			names := strings.Fields(line)
			if names[0] == "#" {
				continue
			}
			for _, name := range names[1:] {
				require.Contains(t, tests[names[0]], "\nfunc "+name+"(t *testing.T)", "%s: %s of %s", list, name,
					names[0])
			}
		}
	}
}

func TestTopLevelIsTheDesigns(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	require.NoError(t, err)
	ignored, err := os.ReadFile(filepath.Join("..", "..", ".gitignore"))
	require.NoError(t, err)
	allowed := slices.Clone(topLevel)
	for _, line := range strings.Fields(string(ignored)) {
		allowed = append(allowed, strings.Trim(line, "/"))
	}
	for _, e := range entries {
		require.Contains(t, allowed, e.Name(), "the top level is fixed")
	}
}

func TestPackagesHaveNames(t *testing.T) {
	for _, f := range house(t) {
		for _, part := range strings.Split(f.pkg, "/") {
			require.NotContains(t, unwanted, part, "%s: name the package after what it owns", f.path)
		}
	}
}

func TestMainOnlyWires(t *testing.T) {
	for _, f := range house(t) {
		if covers("cmd/...", f.pkg) && filepath.Base(f.path) == "main.go" {
			require.LessOrEqual(t, f.lines, 40, "%s: main wires and exits", f.path)
		}
	}
}
