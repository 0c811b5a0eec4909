package locale

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"
)

func TestMessagesAreTranslatedInsideOfOthers(t *testing.T) {
	c := newCatalog(map[string]map[string]string{
		"the disk is full":                            {"other": "der Datenträger ist voll"},
		"{{.A}} can't be written to: {{.B}}":          {"other": "In {{.A}} kann nicht geschrieben werden: {{.B}}"},
		"there is nothing between {{.A}} and {{.B}}":  {"other": "zwischen {{.A}} und {{.B}} ist nichts"},
		"Couldn't start sharing":                      {"other": "Teilen nicht möglich"},
		"{{.A}} is already used for {{.B}}":           {"other": "{{.A}} ist schon für {{.B}} belegt"},
		"Save replay":                                 {"other": "Replay speichern"},
		"{{.A}} s":                                    {"other": "{{.A}} Sek."},
		"It doesn't exist":                            {"other": "es gibt das nicht"},
		"{{.A}} can't be written to {{.B}} ({{.C}})":  {"other": "{{.A}}, {{.B}}, {{.C}}"},
		"the server {{.A}} did not accept the token":  {"other": "der Server {{.A}} hat das Token abgelehnt"},
		"no server responds ({{.A}}); start one":      {"other": "kein Server antwortet ({{.A}}); starte einen"},
		"one is written, but {{.A}} is missing there": {"other": "geschrieben, aber {{.A}} fehlt"},
	})
	for english, want := range map[string]string{
		"the disk is full":  "der Datenträger ist voll",
		"The disk is full.": "Der Datenträger ist voll.",
		"/home/a b/clips can't be written to: the disk is full": "In /home/a b/clips kann nicht geschrieben werden: " +
			"der Datenträger ist voll",
		"There is nothing between 0:02 and 0:01.":          "Zwischen 0:02 und 0:01 ist nichts.",
		"Alt+F10 is already used for Save replay.":         "Alt+F10 ist schon für Replay speichern belegt.",
		"Couldn't start sharing: the disk is full":         "Teilen nicht möglich: der Datenträger ist voll",
		"Couldn't start sharing: teapot":                   "Teilen nicht möglich: teapot",
		"Something else.":                                  "Something else.",
		"The disk is full\nit doesn't exist":               "Der Datenträger ist voll\nes gibt das nicht",
		"The server Http did not accept the token.":        "Der Server Http hat das Token abgelehnt.",
		"One is written, but Save replay is missing there": "Geschrieben, aber Replay speichern fehlt",
		"No server responds (it failed); start one.":       "Kein Server antwortet (it failed); starte einen.",
		"No server responds; start one.":                   "Kein Server antwortet; starte einen.",
		"":                                                 "",
	} {
		require.Equal(t, want, c.translate(english), english)
	}
}

func TestLanguageAndFormats(t *testing.T) {
	files := map[string][]byte{"de": []byte(`{"Save": "Speichern"}`)}
	for system, want := range map[string]string{"de": "1.234,5", "de-DE": "1.234,5", "de-CH": "1’234.5",
		"en-US": "1,234.5", "en-GB": "1,234.5",
		"fr-FR": "1,234.5", "C": "1,234.5", "": "1,234.5", "sr": "1,234.5"} {
		s := choose(files, system)
		require.Equal(t, want, s.printer.Sprintf("%.*f", 1, 1234.5), system)
		require.Equal(t, system != "" && system[0] == 'd', s.messages != nil, system)
	}
	require.Equal(t, language.German, choose(files, "de-AT").tag)
	require.Equal(t, language.English, choose(map[string][]byte{"de": []byte(`{`)}, "de").tag)
}

// The tests run in English.
func TestEnglishNeedsNoFile(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "Today 11:59:58", Moment(now.Add(-2*time.Second), now))
	require.Equal(t, "Thursday 12:00", Moment(now.AddDate(0, 0, -2), now))
	require.Equal(t, "1 March 2026, 09:05", Moment(time.Date(2026, 3, 1, 9, 5, 0, 0, time.UTC), now))
	require.Equal(t, "5 December 2026, 09:05", Moment(time.Date(2026, 12, 5, 9, 5, 0, 0, time.UTC), now))
	require.Equal(t, "1 min 30 s", Duration(90*time.Second))
	require.Equal(t, "2 min", Duration(2*time.Minute))
	require.Equal(t, "45 s", Duration(45*time.Second))
	require.Equal(t, "1.5 GB", Size(1500e6))
	require.Equal(t, "12.5 MB", Size(125e5))
	require.Equal(t, "250 MB", Size(250e6))
	require.Equal(t, "3 kB", Size(2600))
	require.Equal(t, "The disk is full.", Message("The disk is full."))
	require.Equal(t, "Saved clip.mp4", Text("Saved {{.Name}}", map[string]any{"Name": "clip.mp4"}))
}

// A message of another program that nothing is known of costs as much as it is long, and not more.
func TestUnknownMessagesCostLittle(t *testing.T) {
	c := newCatalog(map[string]map[string]string{"the disk is full": {"other": "voll"},
		"{{.A}} is gone": {"other": "weg"}})
	for _, n := range []int{1, 4, 40, 4000} {
		text := strings.Repeat("a: b; c. d\n", n)
		require.Equal(t, text, c.translate(text))
	}
	require.Equal(t, "a: b: c: voll", c.translate("a: b: c: the disk is full"))
	require.Equal(t, "a: b: c: voll", c.translate("a: b: c: the disk is full"), "remembered")
}
