package api

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTitlesFit(t *testing.T) {
	family, england := "👩‍👩‍👧‍👦", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
	kanji := strings.Repeat("会", MaxTitle)
	for title, want := range map[string]string{
		"": "", " a b\n": "a b", "a\n\tb": "a b", "a\xff": "a", "a\x00\x07b": "ab", "会　议": "会 议",
		kanji: kanji, kanji + "会": kanji, "x" + kanji: "x" + strings.Repeat("会", MaxTitle-1),
		// Characters of several runes stay whole, or go whole where they do not fit.
		family: family,
		"🙂\u200d↔️ 👍🏽 🏳️\u200d🌈 " + england: "🙂\u200d↔️ 👍🏽 🏳️\u200d🌈 " + england,
		"می\u200cخواهم": "می\u200cخواهم", "क्\u200dष": "क्\u200dष",
		strings.Repeat("a", MaxTitle-10) + family: strings.Repeat("a", MaxTitle-10),
		strings.Repeat("a", MaxTitle-11) + family: strings.Repeat("a", MaxTitle-11) + family,
		strings.Repeat("👍", 60):                   strings.Repeat("👍", MaxTitle/2),
		strings.Repeat("a", MaxTitle) + "\u0301":  strings.Repeat("a", MaxTitle-1),
		// A browser cuts at its own limit, also in the middle of a character.
		"a👩\u200d": "a👩", "a\ufffd": "a", "a\xed\xa0\xbd": "a",
		// Marks pile up no higher than languages need, and none are for what stands before the title.
		"e\u0301": "e\u0301", "Z" + strings.Repeat("\u0335", 80) + "x": "Z" + strings.Repeat("\u0335", mostMarks) + "x",
		"\u0301\u0302a": "a", "\u0301": "",
		// Nothing that turns around what follows, looks like nothing, or makes two titles that look the same.
		"a\u202egpj.exe": "agpj.exe", "\u2066\u2067a\u2069": "a", "\u200f\u061ca\u200e": "a", "שלום": "שלום",
		"a\u200db\u200cc": "abc", "👩\u202e\u200d👩": "👩\u200d👩", "a\u00ad\ufeff\u2060b": "ab", "\u3164\u2800": "",
		"a\U000e0067\U000e007f": "a",
	} {
		require.Equal(t, want, FitTitle(title), "%+q", title)
	}
}

func FuzzTitlesFit(f *testing.F) {
	for _, title := range []string{"a", "👩\u200d👩\u200d👧\u200d👦", "क्\u200dष", "a\u202e\u0301\u200d b",
		strings.Repeat("é🙂", 60)} {
		f.Add(title)
	}
	f.Fuzz(func(t *testing.T, title string) {
		fit := FitTitle(title)
		require.Equal(t, fit, FitTitle(fit), "it fits already")
		require.Equal(t, fit, Printable(fit))
		require.True(t, utf8.ValidString(fit))
		require.LessOrEqual(t, len(utf16.Encode([]rune(fit))), MaxTitle)
		require.False(t, strings.ContainsFunc(fit, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
		}))
	})
}
