package ui

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/assets"
)

// inGerman says that this is the process that has German.
const inGerman = "HINDSIGHT_TEST_IN_GERMAN"

// The other tests read English texts, whatever the system's language is.
func init() {
	if os.Getenv(inGerman) == "" {
		_ = os.Setenv("LC_ALL", "C")
	}
}

// A process has one language, so this test runs again in a process of its own.
func TestTheWindowInGerman(t *testing.T) {
	if os.Getenv(inGerman) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inGerman+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	locale.Load("de")
	require.Equal(t, "Replay speichern", lang.L("Save replay"))
	require.Equal(t, "Strg + F10", keyNames("Ctrl + F10"))
	require.Equal(t, "Umschalt+Bild auf", keyNames("Shift+Page Up"))
	require.Equal(t, "Maus 8 (zurück)", keyNames("Mouse 8 (back)"))
	p := newProof(t)
	for _, server := range []string{"", "https://replay.example.com"} {
		b := startWith(t, func(c *config.Config) {
			c.Sharing.BackendURL, c.App.FirstRunDone = server, server != ""
		})
		b.ui.window.Resize(fyne.NewSize(1280, 800))
		b.ui.show(pageHome)
		b.settle()
		p.look(b, "first window")
		if b.ui.firstRun != nil {
			b.ui.closeFirstRun()
		}
		proveHome(t, b)
		b.ui.window.Resize(fyne.NewSize(1280, 800))
		for i := range b.ui.pages {
			b.ui.show(i)
			b.settle()
			if i != pageSettings {
				p.look(b, "page "+b.ui.nav.buttons[i].Text)
				if i == pageClips { // with what is there while clips are chosen
					setText(b.ui.clips.count, lang.N("{{.PluralCount}} selected", 100)+" · 999,9 MB")
					b.ui.clips.none.Show()
					for _, size := range []fyne.Size{{Width: 940, Height: 680}, {Width: 640, Height: 360}} {
						b.ui.window.Resize(size)
						least := b.ui.window.Canvas().Content().MinSize().Width
						require.LessOrEqual(t, least, size.Width, "clips at %v", size)
						for _, s := range []*widget.Select{b.ui.clips.kind, b.ui.clips.programs, b.ui.clips.dates, b.ui.clips.order} {
							need := fyne.MeasureText(s.Selected, theme.TextSize(), fyne.TextStyle{}).Width
							require.Greater(t, s.Size().Width, need+theme.IconInlineSize()+theme.InnerPadding(), s.Selected)
						}
					}
				}
				continue
			}
			for j, s := range b.ui.settings.sections {
				b.ui.settings.open(j)
				b.settle()
				p.look(b, "settings, "+s.title)
				for _, size := range []fyne.Size{{Width: 940, Height: 680}, {Width: 640, Height: 360}} {
					b.ui.window.Resize(size)
					scroll := b.ui.settings.scroll
					require.LessOrEqual(t, scroll.Content.MinSize().Width, scroll.Size().Width, "%s at %v", s.title, size)
				}
			}
		}
		for _, item := range b.ui.tray.menu(b.session.Snapshot()).Items {
			p.read("tray", item.Label)
		}
		b.ui.Invite(Invitation{Server: "https://other.example.com", Identity: "mira"})
		b.settle()
		p.look(b, "invitation")
	}
	require.Greater(t, len(p.seen), 150)
}

// proof finds English texts and texts that are cut off.
type proof struct {
	t        *testing.T
	english  map[string]bool // that have another text in German
	patterns []*regexp.Regexp
	german   map[string]bool
	seen     map[string]bool
}

func newProof(t *testing.T) *proof {
	p := &proof{t: t, english: map[string]bool{}, german: map[string]bool{}, seen: map[string]bool{}}
	texts, err := locale.Texts(assets.Translations()["de"])
	require.NoError(t, err)
	same := map[string]bool{}
	for _, forms := range texts {
		same[forms["other"]] = true
	}
	varies := regexp.MustCompile(`\\{\\{[^}]*\\}\\}`)
	for key, forms := range texts {
		switch {
		case same[key]: // also German
		case !strings.Contains(key, "{{"):
			p.english[key] = true
		case len(regexp.MustCompile(`[a-z]`).FindAllString(varies.ReplaceAllString(regexp.QuoteMeta(key), ""), -1)) > 5:
			p.patterns = append(p.patterns,
				regexp.MustCompile(`^`+varies.ReplaceAllString(regexp.QuoteMeta(key), `.+`)+`$`))
		}
		p.german[forms["other"]] = true
	}
	return p
}

// look reads every text that is visible in the window.
func (p *proof) look(b *bench, where string) {
	p.t.Helper()
	c := b.ui.window.Canvas()
	b.ui.window.Resize(fyne.NewSize(1281, 800)) // texts that have changed get their space
	b.ui.window.Resize(fyne.NewSize(1280, 800))
	roots := append([]fyne.CanvasObject{c.Content()}, c.Overlays().List()...)
	for _, root := range roots {
		walk(root, func(o fyne.CanvasObject) {
			switch o := o.(type) {
			case *canvas.Text:
				p.read(where, o.Text)
			case *widget.Label:
				p.read(where, o.Text)
				p.fits(where, o)
			case *widget.Button:
				p.button(where, o)
			case *pushButton:
				p.button(where, &o.Button)
			case *tipButton:
				p.button(where, &o.Button)
				p.read(where, o.tip)
			case *tab:
				p.button(where, &o.Button)
			case *widget.Check:
				p.read(where, o.Text)
			case *widget.Select:
				for _, option := range append([]string{o.PlaceHolder}, o.Options...) {
					p.read(where, option)
				}
			case *widget.Entry:
				p.read(where, o.PlaceHolder)
			}
		})
	}
}

func (p *proof) button(where string, b *widget.Button) {
	p.t.Helper()
	p.read(where, b.Text)
	if b.MinSize().Width > b.Size().Width+0.5 {
		p.t.Errorf("%s: the button %q is cut off", where, b.Text)
	}
}

// walk visits every visible object, also inside widgets.
func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject)) {
	if !o.Visible() {
		return
	}
	visit(o)
	var inside []fyne.CanvasObject
	switch o := o.(type) {
	case *fyne.Container:
		inside = o.Objects
	case fyne.Widget:
		inside = test.WidgetRenderer(o).Objects()
	}
	for _, i := range inside {
		walk(i, visit)
	}
}

func (p *proof) read(where, text string) {
	p.t.Helper()
	if p.seen[text] {
		return
	}
	p.seen[text] = true
	bad := p.english[text]
	for _, is := range p.patterns {
		bad = bad || is.MatchString(text)
	}
	if bad {
		p.t.Errorf("%s: %q is English", where, text)
	}
}

// fits checks texts of the language's file; names and paths of others may be cut off.
func (p *proof) fits(where string, l *widget.Label) {
	p.t.Helper()
	if l.Size().Width == 0 || !p.german[l.Text] || l.Wrapping != fyne.TextWrapOff {
		return
	}
	size := l.SizeName
	if size == "" {
		size = theme.SizeNameText
	}
	need := fyne.MeasureText(l.Text, theme.Size(size), l.TextStyle).Width + 2*theme.InnerPadding()
	if need > l.Size().Width+0.5 {
		p.t.Errorf("%s: %q is cut off: it has %.0f of %.0f", where, l.Text, l.Size().Width, need)
	}
}
