package api

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// MaxTitle is how many characters a title has at most, counted as browsers do for maxlength: in UTF-16 code units.
const MaxTitle = 100

// mostMarks is how many marks may stand over and under a letter, as many as Hebrew has there. More of them would cover
// the lines of a list above and below.
const mostMarks = 5

// FitTitle is a text as a server keeps it for a title: one line of printable text without space around it, cut between
// two characters where it is longer than MaxTitle. What it returns it leaves as it is.
func FitTitle(text string) string {
	text = Printable(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError: // half a character, which somebody else has cut
			return -1
		}
		return r
	}, text))
	text = shorten(strings.Join(strings.Fields(text), " "))
	// Marks at the begin would go onto what is before the title.
	text = strings.TrimLeftFunc(text, func(r rune) bool { return r == ' ' || unicode.Is(unicode.M, r) })
	return strings.TrimSpace(Printable(text))
}

// shorten leaves out marks beyond mostMarks and what goes beyond MaxTitle, by grapheme clusters (UAX #29).
func shorten(text string) string {
	var out strings.Builder
	units := 0
	for clusters := graphemes.FromString(text); clusters.Next(); {
		marks := 0
		cluster := strings.Map(func(r rune) rune {
			if !unicode.In(r, unicode.Mn, unicode.Me) {
				marks = 0
			} else if marks++; marks > mostMarks {
				return -1
			}
			units += utf16.RuneLen(r)
			return r
		}, clusters.Value())
		if units > MaxTitle {
			break
		}
		out.WriteString(cluster)
	}
	return out.String()
}

// unprintable says whether a rune shows as nothing or moves what is around it: controls, line breaks, marks of writing
// direction and the like (Unicode's categories Cc, Cf, Zl and Zp), and the letters and symbols that are blank.
func unprintable(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r) || strings.ContainsRune("\u115f\u1160\u2800\u3164\uffa0", r)
}

// Runes that show as nothing, but make others one character or two.
const (
	joiner    = '\u200d'
	nonJoiner = '\u200c'
	blackFlag = '\U0001f3f4' // with tags after it that of England, Scotland or Wales
)

func isTag(r rune) bool { return r >= '\U000e0020' && r <= '\U000e007f' }

// joins says whether a joiner or nonJoiner does something between two runes: in emoji, and in scripts that join their
// letters. Elsewhere it would make two texts that look the same.
func joins(before, after rune) bool {
	return unicode.In(before, unicode.Lo, unicode.M, unicode.So, unicode.Sk) &&
		unicode.In(after, unicode.L, unicode.M, unicode.So, unicode.Sm)
}

// Printable leaves out of a text what unprintable finds, but for what makes one character of several.
func Printable(text string) string {
	var kept []rune
	for _, r := range text {
		last := rune(0)
		if len(kept) > 0 {
			last = kept[len(kept)-1]
		}
		if !unprintable(r) || r == joiner || r == nonJoiner || isTag(r) && (last == blackFlag || isTag(last)) {
			kept = append(kept, r)
		}
	}
	var out strings.Builder
	last := rune(0)
	for i, r := range kept {
		if (r == joiner || r == nonJoiner) && (i+1 == len(kept) || !joins(last, kept[i+1])) {
			continue
		}
		out.WriteRune(r)
		last = r
	}
	return out.String()
}
