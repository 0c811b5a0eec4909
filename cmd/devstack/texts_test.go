package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/assets"
)

// sayings are what people read, found in the source: English sayings to where they are.
type sayings map[string][]string

// translators are the calls whose first argument is a key of the languages' files; of lang.X it is the second.
var translators = map[string]int{"lang.L": 0, "lang.N": 0, "lang.Localize": 0, "lang.LocalizePlural": 0, "lang.X": 1,
	"lang.LocalizeKey": 1, "locale.Text": 0, "locale.Plural": 0, "Text": 0, "Plural": 0}

// speakers are packages whose errors and messages reach the window or a notification.
var speakers = []string{"app", "app/config", "app/control", "app/desktop/...", "app/hotkey/...", "app/library",
	"app/links", "app/session", "app/storage", "app/token", "app/transfers", "app/ui/...", "capture", "capture/audio",
	"capture/clip", "capture/encode/...", "capture/export", "capture/mp4", "capture/play", "capture/portal",
	"capture/replay", "capture/source/...", "capture/video", "publish", "publish/client", "publish/livekit"}

// makers make messages: their first text is one.
var makers = map[string]bool{"errors.New": true, "fmt.Errorf": true, "fmt.Sprintf": true, "inputError": true}

var verb = regexp.MustCompile(`%[-+# 0]*(?:\[\d+\])?(?:\*|\d+)?(?:\.(?:\*|\d+))?[a-zA-Z]`)

// keyOf turns a format of package fmt into a key: its verbs become {{.A}}, {{.B}} and so on.
func keyOf(format string) string {
	n := 0
	key := verb.ReplaceAllStringFunc(strings.ReplaceAll(format, "%%", "\x00"), func(string) string {
		n++
		return fmt.Sprintf("{{.%c}}", 'A'+n-1)
	})
	return strings.ReplaceAll(key, "\x00", "%")
}

// joined is a text that is put together with "+", with %s where it varies.
func joined(e ast.Expr) (format string, any bool) {
	switch x := e.(type) {
	case *ast.BinaryExpr:
		if x.Op == token.ADD {
			a, okA := joined(x.X)
			b, okB := joined(x.Y)
			return a + b, okA || okB
		}
	case *ast.ParenExpr:
		return joined(x.X)
	}
	if s, ok := literal(e); ok {
		return s, true
	}
	return "%s", false
}

// hasWords says whether a text has words that can be translated.
func hasWords(s string) bool {
	s = placeholders.ReplaceAllString(s, " ")
	return letters.MatchString(s) && !notText.MatchString(s)
}

var (
	letters      = regexp.MustCompile(`[A-Za-z]{3}`)
	placeholders = regexp.MustCompile(`{{[^}]*}}`)
	// notText are names, paths, formats and addresses.
	notText = regexp.MustCompile(`^\s*(audio/mpeg.*|hotkeys\..*|(Key ?|Mouse)%d|[a-z0-9_./:*{}$@%&=+|?<>()-]*|[a-zA-Z0-9_-]+[./:=][a-zA-Z0-9_./:=-]*|<.*>|.*://.*|.*[a-z]=[a-z0-9{].*|.* ! .*)\s*$`)
)

var (
	// phrase is two words or more.
	phrase = regexp.MustCompile(`[A-Za-z]{2,}[’',]?s? [a-z]{2,}`)
	// name is a word as it stands on a button.
	name = regexp.MustCompile(`^[A-Z][a-z]`)
)

// literal is the text of a constant expression of literals.
func literal(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(x.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		if x.Op != token.ADD {
			return "", false
		}
		a, okA := literal(x.X)
		b, okB := literal(x.Y)
		return a + b, okA && okB
	case *ast.ParenExpr:
		return literal(x.X)
	}
	return "", false
}

func callee(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
		return "." + f.Sel.Name
	}
	return ""
}

// find reads a file: keys that are translated where they stand, messages that are translated at the window, and sayings
// of the window that nothing translates.
func find(t *testing.T, f file, keys, messages, bare sayings, plurals map[string]bool, english map[string]string) {
	t.Helper()
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, filepath.Join("..", "..", f.path), nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	where := func(n ast.Node) string { return fmt.Sprintf("%s:%d", f.path, files.Position(n.Pos()).Line) }
	done := map[ast.Node]bool{}
	window := covers("app/ui/...", f.pkg)
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.ImportSpec, *ast.Field:
			return false
		case *ast.CallExpr:
			name := callee(x)
			if at, ok := translators[name]; ok && len(x.Args) > at && (window || f.pkg == "app/locale" ||
				strings.Contains(name, ".")) {
				if s, ok := literal(x.Args[at]); ok {
					if at == 1 {
						said := s
						s, _ = literal(x.Args[0])
						english[s] = said
					}
					keys[s] = append(keys[s], where(x))
					if strings.Contains(name, "Plural") || name == "lang.N" {
						plurals[s] = true
					}
				}
				for _, a := range x.Args[:at+1] {
					done[a] = true
				}
				return true
			}
			switch {
			case strings.HasPrefix(name, "slog.") || strings.HasPrefix(name, "log.") || strings.HasPrefix(name, ".Warn") ||
				strings.HasPrefix(name, ".Info") || strings.HasPrefix(name, ".Error") || strings.HasPrefix(name, ".Debug") ||
				name == "a.quietly" || strings.HasPrefix(name, "regexp."):
				for _, a := range x.Args {
					done[a] = true
				}
			case elsewhere[f.path]:
			case makers[name] || strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "rrorf"):
				for _, a := range x.Args {
					if s, ok := literal(a); ok && hasWords(s) {
						messages[keyOf(s)] = append(messages[keyOf(s)], where(x))
						done[a] = true
						break
					}
				}
			}
		case *ast.CompositeLit:
			if f.path == keyNames && len(x.Elts) == 5 { // what people call a key
				if s, ok := literal(x.Elts[3]); ok && letters.MatchString(s) {
					keys["key."+s] = append(keys["key."+s], where(x))
				}
			}
			if m, is := x.Type.(*ast.MapType); is && callee(&ast.CallExpr{Fun: m.Value}) == "any" { // names of parts that vary
				for _, e := range x.Elts {
					if kv, is := e.(*ast.KeyValueExpr); is {
						done[kv.Key] = true
					}
				}
			}
		case *ast.GenDecl:
			return true
		case ast.Expr:
			if done[x] {
				return false
			}
			if s, ok := joined(x); ok {
				if _, whole := literal(x); window && !whole {
					return true
				}
				switch {
				case window && hasWords(s) && (strings.Contains(s, " ") || name.MatchString(s)):
					bare[s] = append(bare[s], where(x))
				case !window && phrase.MatchString(s) && !notText.MatchString(s) && !elsewhere[f.path] &&
					!slices.Contains(unseen, s):
					messages[keyOf(s)] = append(messages[keyOf(s)], where(x))
				}
				for _, part := range operands(x) {
					if c, is := part.(*ast.CallExpr); is { // it may have texts of its own
						ast.Inspect(c, visit)
					}
				}
				return false
			}
		}
		return true
	}
	ast.Inspect(tree, visit)
}

// operands are the parts of a text that is put together.
func operands(e ast.Expr) []ast.Expr {
	switch x := e.(type) {
	case *ast.BinaryExpr:
		return append(operands(x.X), operands(x.Y)...)
	case *ast.ParenExpr:
		return operands(x.X)
	}
	return []ast.Expr{e}
}

// elsewhere are files whose texts are for the command line, for other programs and for those who help others.
var elsewhere = map[string]bool{keyNames: true, "app/config/keys.go": true, "app/config/result.go": true,
	"app/control/server.go": true,
	"app/report.go":         true, "capture/doctor.go": true, "app/control/control.go": true, "app/handle.go": true,
	"app/control/client.go": true}

// untranslated are sayings of app/ui that are no sayings for people, or the same in every language.
var untranslated = []string{"Hindsight", "Hindsight\n", "not a setting", "the settings file", "different from ",
	"Escape", "Backspace", "Plus", "Name", "Action", "Mouse "}

// keyNames has names of keys, which the window translates by keys of their own.
const keyNames = "app/hotkey/keys.go"

// unseen are phrases below the window that are for the log, for files, for the command line or for other programs.
var unseen = []string{"audio format", "kind of file", "kind of transfer", "screenshot format", "state of a transfer",
	"audio source", "kind of event", "kind of source", "state of a copy", "state of sharing",
	"state of the server's buffer", "stream quality", "way to handle a locked screen", "first run", "Hindsight poster",
	"Hindsight screenshot", "clip folder",
	"session bus", "system bus", "screen sound", "desktop sound", "pause the replay", "the translation %s cannot be read",
	"server gave HTTP response to HTTPS client", "$1 is not installed", ": the other side closed the connection",
	"# Hindsight's settings. The app writes this file; changes made here take effect at its next start.\n\n",
	"not set", "different from ", "low-resolution layer", "updating layer enable"}

// TestTextsAreTranslated compares what people read with the languages' files. A text of the window goes through Fyne's
// lang package; a message made below the window is translated by locale.Message. "HINDSIGHT_TEXTS=FILE" writes what is
// missing there, as JSON to be filled in.
func TestTextsAreTranslated(t *testing.T) {
	keys, messages, bare, plurals := sayings{}, sayings{}, sayings{}, map[string]bool{}
	said := map[string]string{} // where a key is not the text
	for _, f := range house(t) {
		if !f.isTest() && (anyCovers(speakers, f.pkg) || f.pkg == "app/locale") {
			find(t, f, keys, messages, bare, plurals, said)
		}
	}
	want := map[string]bool{nameKey: true}
	for _, k := range []string{"Ctrl", "Shift", "Alt", "Super", "back", "forward", "wheel up", "wheel down", "wheel left",
		"wheel right"} {
		want["key."+k] = true
	}
	for k := range keys {
		want[k] = true
	}
	for k := range messages {
		want[k] = true
	}
	for s, at := range bare {
		if !want[s] && !slices.Contains(untranslated, s) {
			t.Errorf("%s: %q is not translated; use lang.L", at[0], s)
		}
	}
	for name, data := range assets.Translations() {
		have, err := locale.Texts(data)
		require.NoError(t, err, name)
		missing := map[string]string{}
		for k := range want {
			if _, ok := have[k]; !ok && (name != english || plurals[k] || k == nameKey) {
				missing[k] = ""
				t.Errorf("assets/translations/%s.json has no %q (%s)", name, k, append(append(keys[k], messages[k]...), name)[0])
			}
		}
		for k, forms := range have {
			if !want[k] {
				t.Errorf("assets/translations/%s.json has %q, which nothing says", name, k)
			}
			require.Contains(t, forms, "other", "%s: %q", name, k)
			require.Equal(t, plurals[k], len(forms) > 1, "%s: %q has plural forms", name, k)
			for form, text := range forms {
				require.NotEmpty(t, text, "%s: %q %s", name, k, form)
				require.ElementsMatch(t, distinct(placeholders.FindAllString(cmp.Or(said[k], k), -1)),
					distinct(placeholders.FindAllString(text, -1)), "%s: %q", name, k)
			}
		}
		if out := os.Getenv("HINDSIGHT_TEXTS"); out != "" && name != english {
			b, err := json.MarshalIndent(missing, "", "  ")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(out, b, 0o600))
		}
	}
}

// english is the language of the keys; its file has plural forms only.
const english = "en"

// nameKey is what a language calls itself, in its file.
const nameKey = "language.name"

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
