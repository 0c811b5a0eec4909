package ui

import (
	"strings"

	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/app/locale"
)

// keyName is what a key's label is called in the language of the window. A key that is called like the letter or sign
// that it writes stays. Keys have texts of their own, for a key may be called like something else of the window.
func keyName(label string) string {
	number, mouse := strings.CutPrefix(label, "Mouse ")
	if !mouse {
		return locale.Entry("key."+label, label)
	}
	number, does, found := strings.Cut(number, " (")
	name := lang.X("key.Mouse", "Mouse {{.Number}}", map[string]any{"Number": number})
	if found {
		does = strings.TrimSuffix(does, ")")
		name += " (" + locale.Entry("key."+does, does) + ")"
	}
	return name
}

// keyNames is keyName for a combination, with or without space around its plus signs.
func keyNames(combo string) string {
	between := "+"
	if strings.Contains(combo, " + ") {
		between = " + "
	}
	parts := strings.Split(combo, between)
	for i, part := range parts {
		if part != "" { // before or after a plus that is a key
			parts[i] = keyName(part)
		}
	}
	return strings.Join(parts, between)
}
