package locale

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// catalog finds the translations of messages whose varying parts are filled in already. A message is an error's text:
// it may begin with a small or a capital letter, may end with a period, and what stands in it may be a message again.
type catalog struct {
	exact    map[string]string // by fold
	patterns []pattern

	mu    sync.Mutex
	known map[string]string // what was translated already
}

// detail is what stands in parentheses, which the wording for people leaves out where it is an error of the system.
var detail = regexp.MustCompile(` \({{\.[A-Za-z]+}}\)`)

// withoutDetail adds a message as it is without its detail.
func (c *catalog) withoutDetail(english, text string) {
	left := detail.ReplaceAllString(english, "")
	if left == english {
		return
	}
	text = detail.ReplaceAllString(text, "")
	if !strings.Contains(left, "{{") {
		if _, has := c.exact[fold(left)]; !has {
			c.exact[fold(left)] = text
		}
	} else if p, ok := newPattern(left, text); ok && strings.Count(text, "{{") <= len(p.names) {
		c.patterns = append(c.patterns, p)
	}
}

type pattern struct {
	literal int // how many bytes do not vary
	is      *regexp.Regexp
	names   []string
	text    *template.Template
}

var placeholder = regexp.MustCompile(`{{\.([A-Za-z]+)}}`)

func newCatalog(texts map[string]map[string]string) *catalog {
	c := &catalog{exact: map[string]string{}, known: map[string]string{}}
	for english, forms := range texts {
		text, ok := forms["other"]
		if !ok {
			continue
		}
		if !strings.Contains(english, "{{") {
			c.exact[fold(english)] = text
			continue
		}
		if p, ok := newPattern(english, text); ok {
			c.patterns = append(c.patterns, p)
		}
		c.withoutDetail(english, text)
	}
	slices.SortFunc(c.patterns, func(a, b pattern) int {
		if a.literal != b.literal {
			return b.literal - a.literal
		}
		return strings.Compare(a.is.String(), b.is.String())
	})
	return c
}

// begin is what every pattern begins with.
const begin = `(?s)^`

// leastLiteral is how many letters a pattern needs to differ from others.
const leastLiteral = 4

func newPattern(english, text string) (p pattern, ok bool) {
	english = fold(english)
	var re strings.Builder
	re.WriteString(begin)
	at := 0
	letters := 0
	literal := func(s string) {
		p.literal += len(s)
		for _, r := range s {
			if unicode.IsLetter(r) {
				letters++
			}
		}
		if r, n := utf8.DecodeRuneInString(s); re.Len() == len(begin) && unicode.IsLetter(r) { // it may stand alone
			re.WriteString("[" + string(unicode.ToUpper(r)) + string(r) + "]")
			s = s[n:]
		}
		re.WriteString(regexp.QuoteMeta(s))
	}
	for _, m := range placeholder.FindAllStringSubmatchIndex(english, -1) {
		literal(english[at:m[0]])
		re.WriteString(`(.+?)`)
		p.names = append(p.names, english[m[2]:m[3]])
		at = m[1]
	}
	literal(english[at:])
	re.WriteString(`$`)
	t, err := template.New("").Parse(text)
	if err != nil || letters < leastLiteral {
		return p, false
	}
	p.text, p.is = t, regexp.MustCompile(re.String())
	return p, true
}

// fold takes away what differs where the same message stands alone or in another.
func fold(s string) string {
	s = strings.TrimSuffix(s, ".")
	if r, n := utf8.DecodeRuneInString(s); n > 0 && unicode.IsUpper(r) {
		if next, _ := utf8.DecodeRuneInString(s[n:]); !unicode.IsUpper(next) { // not an abbreviation
			s = string(unicode.ToLower(r)) + s[n:]
		}
	}
	return s
}

func (c *catalog) translate(english string) string {
	if len(english) > longest {
		return english
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if text, ok := c.known[english]; ok {
		return text
	}
	out := english
	if text, ok := c.find(english, 0); ok {
		out = as(english, text)
	}
	if len(c.known) >= mostKnown {
		clear(c.known)
	}
	c.known[english] = out
	return out
}

const (
	// deepest bounds how many messages stand in each other or behind each other.
	deepest = 16
	// longest is the longest message in bytes that is looked at: another program may say any amount.
	longest = 2000
	// mostKnown bounds how many translations are remembered; a window shows the same few again and again.
	mostKnown = 500
)

// find translates a text: as a whole, else line by line and message by message.
func (c *catalog) find(english string, depth int) (string, bool) {
	if depth > deepest {
		return "", false
	}
	key := fold(english)
	if text, ok := c.exact[key]; ok {
		return text, true
	}
	for _, p := range c.patterns {
		m := p.is.FindStringSubmatch(strings.TrimSuffix(english, "."))
		if m == nil {
			continue
		}
		data := map[string]any{}
		for i, name := range p.names {
			data[name] = c.part(m[i+1], depth)
		}
		var out strings.Builder
		if err := p.text.Execute(&out, data); err == nil {
			return out.String(), true
		}
	}
	for _, between := range []string{"\n", ". ", ": ", "; "} { // the first that there is, or this would take forever
		if a, b, found := strings.Cut(english, between); found {
			x, okA := c.find(a, depth+1)
			y, okB := c.find(b, depth+1)
			if okA || okB {
				if !okA {
					x = a
				}
				if !okB {
					y = b
				}
				return as(a, x) + between + as(b, y), true
			}
			return "", false
		}
	}
	return "", false
}

func (c *catalog) part(english string, depth int) string {
	if text, ok := c.find(english, depth+1); ok {
		return as(english, text)
	}
	return english
}

// as gives a translation the capital letter and the period of the original.
func as(english, text string) string {
	if r, _ := utf8.DecodeRuneInString(english); unicode.IsUpper(r) {
		first, n := utf8.DecodeRuneInString(text)
		text = string(unicode.ToUpper(first)) + text[n:]
	}
	if strings.HasSuffix(english, ".") && !strings.HasSuffix(text, ".") && text != "" {
		text += "."
	}
	return text
}
