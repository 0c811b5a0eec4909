package clip

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DefaultName is the template of a new user's files.
const DefaultName = "Hindsight {date} {time}"

const (
	// maxApp and maxName bound a window's name and a whole name in bytes; file systems allow 255 with all endings.
	maxApp, maxName = 60, 200
	// noApp stands for a window without a known name.
	noApp = "Screen"
)

var fields = regexp.MustCompile(`\{[^{}]*\}`)

// CheckName says whether a template names files: {date}, {time}, {app} and {seconds} stand for what they say.
func CheckName(template string) error {
	for _, f := range fields.FindAllString(template, -1) {
		switch f {
		case "{date}", "{time}", "{app}", "{seconds}":
		default:
			return fmt.Errorf("%s is not a placeholder; use {date}, {time}, {app} and {seconds}", f)
		}
	}
	rest := fields.ReplaceAllString(template, "x")
	if clean(rest) != rest || len(rest) > maxName-maxApp {
		return fmt.Errorf("%q can't be a file name; leave out / \\ : * ? \" < > | and keep it short",
			template)
	}
	return nil
}

// Name is how a clip's file is called, without its ending, where that name is free: a template filled in, an empty one
// being DefaultName. What has no length yet has 0 seconds.
func Name(template, app string, at time.Time, length time.Duration) string {
	if template == "" {
		template = DefaultName
	}
	if app = shorten(clean(app), maxApp); app == "" {
		app = noApp
	}
	out := strings.NewReplacer(
		"{date}", at.Format("2006-01-02"), "{time}", at.Format("15-04-05"),
		"{seconds}", strconv.Itoa(int(math.Round(length.Seconds()))), "{app}", app,
	).Replace(template)
	return shorten(clean(out), maxName)
}

// clean leaves out what one file system or another does not allow in a name, and what would hide the file.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|{}`, r) || unicode.IsControl(r) || r == utf8.RuneError {
			return '-'
		}
		return r
	}, s)
	return strings.Trim(s, " .")
}

func shorten(s string, size int) string {
	for len(s) > size {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.Trim(s, " .")
}

// numbered is the path for the n-th try to find a free name.
func numbered(folder, base, ending string, n int) string {
	if n > 1 {
		base = fmt.Sprintf("%s (%d)", base, n)
	}
	return filepath.Join(folder, base+ending)
}
