// Package locale owns the languages that people read: it gives Fyne's lang package the files of assets/translations,
// translates the messages that packages below the window write in English, and writes numbers, sizes, dates and times
// of day as the language does. A language is one file there, named after its BCP 47 tag: "de.json". The English text
// is the key; texts with parts that vary have Go templates ("Saved {{.Name}}"). The file of English has plural forms
// only.
//
// The language is the system's (LC_ALL, LC_MESSAGES, LANG), English where there is no file for it. The package has no
// goroutines; what it loads stays for the process. All functions may be called from any goroutine after Load.
package locale

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/hindsight-app/hindsight/assets"
)

// current is what Load found.
var (
	once    sync.Once
	current *state
)

type state struct {
	tag      language.Tag
	messages *catalog // nil for English
	printer  *message.Printer
}

// Load makes a language, by its BCP 47 tag, that of the program and of Fyne; "" is the system's. It must be called
// before the first text is shown and before other goroutines run, for Fyne reads the language from the environment;
// further calls do nothing.
func Load(chosen string) {
	once.Do(func() { current = load(chosen) })
}

func loaded() *state {
	Load("")
	return current
}

// nameKey is where a file has what its language calls itself.
const nameKey = "language.name"

// Name is what a language calls itself, by its BCP 47 tag.
func Name(tag string) string {
	texts, err := Texts(assets.Translations()[tag])
	if err != nil || texts[nameKey] == nil {
		return tag
	}
	return texts[nameKey]["other"]
}

func load(chosen string) *state {
	system := chosen
	if system == "" {
		system = string(lang.SystemLocale())
	}
	files := assets.Translations()
	s := choose(files, system)
	// Fyne has languages that these texts do not have; a window in two languages helps nobody.
	defer speak(s.tag)()
	for name, data := range files {
		// The files are embedded, and a test loads them all.
		if err := lang.AddTranslationsForLocale(data, fyne.Locale(name)); err != nil {
			fyne.LogError("the translation "+name+" cannot be read", err)
		}
	}
	return s
}

// speak sets the language in the environment, where Fyne looks for it, until the function that it returns is called.
func speak(tag language.Tag) (restore func()) {
	var undo []func()
	for name, value := range map[string]string{"LC_ALL": tag.String() + ".UTF-8", "LANGUAGE": ""} {
		if old, was := os.LookupEnv(name); was {
			undo = append(undo, func() { _ = os.Setenv(name, old) })
		} else {
			undo = append(undo, func() { _ = os.Unsetenv(name) })
		}
		_ = os.Setenv(name, value)
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}

// choose takes the best of the languages there are, by the files' names.
func choose(files map[string][]byte, system string) *state {
	tags, names := []language.Tag{language.English}, []string{""}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if tag := language.Make(name); tag != language.English {
			tags, names = append(tags, tag), append(names, name)
		}
	}
	wanted, err := language.Parse(system)
	if err != nil {
		wanted = language.English
	}
	_, i, sure := language.NewMatcher(tags).Match(wanted)
	if sure == language.No {
		i = 0
	}
	s := &state{tag: tags[i]}
	// Numbers and dates follow the country too, where the system's language is the one of the texts.
	formats := s.tag
	if a, _ := wanted.Base(); a == base(s.tag) {
		formats = wanted
	}
	s.printer = message.NewPrinter(formats)
	if i > 0 {
		texts, err := Texts(files[names[i]])
		if err != nil {
			fyne.LogError("the translation "+names[i]+" cannot be read", err)
			return &state{tag: language.English, printer: message.NewPrinter(language.English)}
		}
		s.messages = newCatalog(texts)
	}
	return s
}

func base(t language.Tag) language.Base {
	b, _ := t.Base()
	return b
}

// Texts reads a language's file: from the English text to its translations, a text of one form under "other", plural
// forms under their names (go-i18n's format).
func Texts(file []byte) (map[string]map[string]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(file, &raw); err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for key, value := range raw {
		var one string
		if json.Unmarshal(value, &one) == nil {
			out[key] = map[string]string{"other": one}
			continue
		}
		forms := map[string]string{}
		if err := json.Unmarshal(value, &forms); err != nil {
			return nil, fmt.Errorf("%q has neither a text nor plural forms: %w", key, err)
		}
		out[key] = forms
	}
	return out, nil
}

// Text is Fyne's lang.Localize for packages that do not import Fyne.
func Text(english string, data ...any) string {
	loaded()
	return lang.Localize(english, data...)
}

// Plural is Fyne's lang.LocalizePlural for packages that do not import Fyne. The text may use {{.PluralCount}}.
func Plural(english string, count int, data ...any) string {
	loaded()
	return lang.LocalizePlural(english, count, data...)
}

// Entry is a text that has a key of its own, where the language's file has it, else the English one.
func Entry(key, english string) string {
	s := loaded()
	if s.messages == nil {
		return english
	}
	return cmp.Or(s.messages.exact[fold(key)], english)
}

// Number writes a number with so many decimals, with the language's separators: 1,234.5 in English, 1.234,5 in German.
func Number(x float64, decimals int) string { return loaded().printer.Sprintf("%.*f", decimals, x) }

// Size writes a number of bytes as people read it, in units of 1000.
func Size(bytes int64) string {
	switch b := float64(bytes); {
	case bytes >= 1e9:
		return Number(b/1e9, 1) + " GB"
	case bytes >= 1e8:
		return Number(b/1e6, 0) + " MB"
	case bytes >= 1e6:
		return Number(b/1e6, 1) + " MB"
	default:
		return Number(b/1e3, 0) + " kB"
	}
}

// Duration writes a length of time in whole seconds: "45 s", "2 min", "1 min 30 s".
func Duration(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return Text("{{.Seconds}} s", map[string]any{"Seconds": s})
	case s%60 == 0:
		return Text("{{.Minutes}} min", map[string]any{"Minutes": s / 60})
	}
	return Text("{{.Minutes}} min {{.Seconds}} s", map[string]any{"Minutes": s / 60, "Seconds": s % 60})
}

// Clock writes a time of day with seconds.
func Clock(t time.Time) string { return t.Format(lang.X("layout.time", "15:04:05")) }

// Moment writes when something happened, in as few words as now allows: the time alone for today, the day of the week
// within six days, else the date, as for what comes after today.
func Moment(t, now time.Time) string {
	loaded()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch {
	case !t.Before(midnight.AddDate(0, 0, 1)):
	case !t.Before(midnight):
		return Text("Today {{.Time}}", map[string]any{"Time": Clock(t)})
	case !t.Before(midnight.AddDate(0, 0, -6)):
		return Text("{{.Weekday}} {{.Time}}", map[string]any{"Weekday": weekday(t.Weekday()),
			"Time": t.Format(lang.X("layout.hours", "15:04"))})
	}
	return Text("{{.Date}}, {{.Time}}", map[string]any{"Date": date(t), "Time": t.Format(lang.X("layout.hours", "15:04"))})
}

// date writes a date with the month's name.
func date(t time.Time) string {
	loaded()
	// The layout's month is replaced afterwards, for Go knows English months only.
	text := t.Format(lang.X("layout.date", "2 January 2006"))
	return strings.Replace(text, t.Month().String(), month(t.Month()), 1)
}

func weekday(d time.Weekday) string {
	return [...]string{lang.L("Sunday"), lang.L("Monday"), lang.L("Tuesday"), lang.L("Wednesday"), lang.L("Thursday"),
		lang.L("Friday"), lang.L("Saturday")}[d]
}

func month(m time.Month) string {
	return [...]string{lang.L("January"), lang.L("February"), lang.L("March"), lang.L("April"), lang.L("May"),
		lang.L("June"), lang.L("July"), lang.L("August"), lang.L("September"), lang.L("October"), lang.L("November"),
		lang.L("December")}[m-1]
}

// Message translates a message that a package below the window wrote in English. What it does not know, such as a
// name or another program's words, stays.
func Message(english string) string {
	s := loaded()
	if s.messages == nil || english == "" {
		return english
	}
	return s.messages.translate(english)
}
