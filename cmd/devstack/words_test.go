package main

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// word is one that the code does not use, because the field has another.
type word struct {
	// say is the field's word.
	say string
	// names finds it in identifiers, comments in comments; either may be nil.
	names, comments *regexp.Regexp
	// in limits the rule to some packages; empty is all of them.
	in []string
	// except are the names of libraries and standards that have the word.
	except *regexp.Regexp
}

func re(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

// words are those that tests have found; the list grows with what readers stumble over.
var words = []word{
	{say: "capture", names: re(`(?i)film`), comments: re(`(?i)\bfilm`)},
	{say: "frame, video or image", names: re(`[Pp]icture`), comments: re(`(?i)\bpictures?\b`),
		// The H.264 standard, RFC 4585 and mp4ff name these things so.
		except: re(`(?i)picture (parameter set|order|loss)|coded picture|PictureLossIndication|PictureSize`)},
	{say: "low-resolution layer", names: re(`^([Ll]ower|newLower)$`), comments: re(`\blower (stream|encode|pictures?)\b`)},
	{say: "recording", names: re(`^(Takes?|[a-z]+Takes?|Take[A-Z]\w*|Max\w*Takes?)$`), in: []string{"publish/..."}},
	{say: "orphan", names: re(`Remains`)},
	{say: "flush", names: re(`(?i)hurry`), comments: re(`(?i)\bhurry`)},
	{say: "read, or app audio capture", names: re(`(?i)overhear|^ear$|^hear$`), comments: re(`(?i)\boverhear`)},
	{say: "idle throttle", names: re(`^(nap|naps|newNaps|napLength)$`), comments: re(`(?i)\bnaps?\b`)},
	{say: "backend", names: re(`^Way$`)},
	{say: "status reporter", names: re(`(?i)^teller$`), comments: re(`(?i)\bteller\b`)},
	{say: "pruned", names: re(`^(Gone|SetGone)$`), in: []string{"publish/backend/..."}},
	{say: "liveness", names: re(`^pulse$`), in: []string{"publish/..."}},
	{say: "recordingErr", names: re(`(?i)trial`), in: []string{"publish"}},
	{say: "what a retry fixes", comments: re(`(?i)\bheal(s|ed)?\b`)},
	{say: "returns, response or reply", comments: re(`(?i)\banswers\b`)},
	{say: "a message", comments: re(`(?i)\ba (plain )?sentence\b|\bsentences\b`)},
	{say: "is reported, or is called", comments: re(`(?i)\b(is|are|was|were|be) told\b`)},
	{say: "package", comments: re(`(?i)\brooms?\b`), in: []string{"capture/..."}},
	{say: "package", comments: re(`(?i)\b(the room owns|other room of|rooms of)\b`)},
	{say: "visible", comments: re(`(?i)\bto be seen\b`)},
	{say: "in the meantime, anymore", comments: re(`(?i)\bmeanwhile\b|\bany more\b`)},
}

// piece is an identifier or a comment of a file, with its line.
type piece struct {
	text    string
	comment bool
	line    int
}

// scan returns the identifiers and comments of a file, and the lines longer than width that could be shorter: raw
// strings, and with them struct tags, cannot be broken.
func scan(src []byte) (pieces []piece, long []int) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	raw := map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		line := file.Line(pos)
		switch {
		case tok == token.IDENT:
			pieces = append(pieces, piece{lit, false, line})
		case tok == token.COMMENT:
			pieces = append(pieces, piece{lit, true, line})
		case tok == token.STRING && lit[0] == '`':
			for i := range strings.Count(lit, "\n") + 1 {
				raw[line+i] = true
			}
		}
	}
	for i, line := range strings.Split(string(src), "\n") {
		if utf8.RuneCountInString(line) > width && !raw[i+1] {
			long = append(long, i+1)
		}
	}
	return pieces, long
}

// width is the most characters of a line, a tab being one.
const width = 120

// unplain names the words of a piece that have a plainer one.
func unplain(p piece, pkg string) (out []string) {
	for _, w := range words {
		pattern := w.names
		if p.comment {
			pattern = w.comments
		}
		if pattern == nil || len(w.in) > 0 && !anyCovers(w.in, pkg) {
			continue
		}
		text := p.text
		if w.except != nil {
			text = w.except.ReplaceAllString(text, "")
		}
		if found := pattern.FindString(text); found != "" {
			out = append(out, "“"+found+"”: say "+w.say)
		}
	}
	return out
}

// TestWordsAreTheFields reads every identifier and comment of the module.
func TestWordsAreTheFields(t *testing.T) {
	var all []string
	for _, f := range house(t) {
		if f.path == "cmd/devstack/words_test.go" {
			continue
		}
		src, err := os.ReadFile(filepath.Join("..", "..", f.path))
		require.NoError(t, err)
		pieces, long := scan(src)
		for _, p := range pieces {
			for _, why := range unplain(p, f.pkg) {
				all = append(all, at(f.path, p.line)+why)
			}
		}
		for _, line := range long {
			all = append(all, at(f.path, line)+"the line is longer than 120 characters")
		}
	}
	require.Empty(t, all, "%d places:\n%s", len(all), strings.Join(all, "\n"))
}

func at(path string, line int) string { return path + ":" + strconv.Itoa(line) + ": " }

// texts are the kinds of files, beside Go, that people read and write.
var texts = []string{".md", ".sh", ".yaml", ".yml", ".toml", ".conf", ".service", ".txt"}

// TestTextLinesFit reads documents, scripts and settings: tables, addresses and program text in documents cannot be
// broken.
func TestTextLinesFit(t *testing.T) {
	var all []string
	walk(t, func(path, rel string) error {
		if !slices.Contains(texts, filepath.Ext(path)) && rel != "Makefile" {
			return nil
		}
		text, err := os.ReadFile(path)
		fenced := false
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			}
			unbroken := fenced || strings.HasPrefix(line, "|") || strings.Contains(line, "https://") ||
				strings.HasPrefix(line, "[![")
			if utf8.RuneCountInString(line) > width && !unbroken {
				all = append(all, at(rel, i+1)+"the line is longer than 120 characters")
			}
		}
		return err
	})
	require.Empty(t, all, strings.Join(all, "\n"))
}

// TestWordsCatch holds pieces that the rules must refuse or let through, so that no rule can rot unseen.
func TestWordsCatch(t *testing.T) {
	for _, c := range []struct {
		text, pkg string
		comment   bool
		ok        bool
	}{
		{"filmPortal", "capture/source", false, false},
		{"// the filmed screen", "app/ui", true, false},
		{"firstPicture", "publish/backend/embedded", false, false},
		{"// the picture parameter set (ITU-T H.264, 7.3.2.2)", "capture/encode", true, true},
		{"// It answers nil.", "app", true, false},
		{"// the answer of a call", "app", true, true},
		{"ToLower", "app", false, true},
		{"lower", "capture", false, false},
		{"LowLayer", "capture", false, true},
		{"MaxTakes", "publish/backend", false, false},
		{"mistaken", "publish/backend", false, true},
		{"takeLock", "app/control", false, true},
		{"// every other room of capture", "capture/media", true, false},
		{"// joins the room", "publish", true, true},
		{"Way", "capture/source", false, false},
		{"Wayland", "capture/source", false, true},
	} {
		out := unplain(piece{c.text, c.comment, 1}, c.pkg)
		require.Equal(t, c.ok, len(out) == 0, "%q in %s: %v", c.text, c.pkg, out)
	}
	_, long := scan([]byte("package p\n\n// " + strings.Repeat("x", width) + "\nvar s = `" + strings.Repeat("x", width) +
		"`\n"))
	require.Equal(t, []int{3}, long)
}
