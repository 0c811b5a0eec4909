package diagnostics

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// hidden stands for what was taken out.
const hidden = "[…]"

// secrets are tokens and the like, by how they look. Links of invitations and JSON Web Tokens (RFC 7519) are among
// them.
var secrets = []struct {
	is   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`hindsight://[^\s"']+`), "hindsight://" + hidden},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`), hidden},
	{regexp.MustCompile(`(?i)\b(bearer|basic) +[A-Za-z0-9._~+/=-]+`), "$1 " + hidden},
	{regexp.MustCompile(`(?i)\b([a-z_]*(?:token|secret|password|passwd|api_?key|title|room))(["']?[=:] ?)("(?:[^"\\]|\\.)*"|[^\s,;]+)`),
		"$1$2" + hidden},
	{regexp.MustCompile(`\b((?:https?|wss?|rtmps?)://)[^\s"'<>)]+`), "$1" + hidden},
	{regexp.MustCompile(`\bhsi?_[a-z2-7]{16,}`), hidden},
	{regexp.MustCompile(`(?i)\b(identity|user|participant|host|server|addr|address|url)(["']?[=:] ?)("(?:[^"\\]|\\.)*"|[^\s,;]+)`),
		"$1$2" + hidden},
	{regexp.MustCompile(`\b(lookup|dial (?:tcp|udp)[46]?) [^\s:]+(:\d+)?`), "$1 " + hidden},
	{regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9A-Fa-f:.]+\]:\d+`), hidden},
	{regexp.MustCompile(`“[^”]*”`), "“" + hidden + "”"},
	{regexp.MustCompile(`/home/[^/\s"]+`), "~"},
}

// Section is a part of a report.
type Section struct{ Title, Text string }

// Report is the text that can be given to others; private are words that it must not hold.
func Report(version string, private []string, sections ...Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Hindsight %s, %s, %s/%s, %d processors\n%s\nDesktop: %s, %s session\nWritten: %s\n", version,
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), system(), or(os.Getenv("XDG_CURRENT_DESKTOP")),
		or(os.Getenv("XDG_SESSION_TYPE")), time.Now().Format(time.RFC3339))
	for _, s := range sections {
		if s.Text == "" {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n%s\n", s.Title, strings.TrimRight(s.Text, "\n"))
	}
	return redact(b.String(), private)
}

func or(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// system names the operating system (os-release(5)).
func system() string {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return runtime.GOOS
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return runtime.GOOS
}
