package session

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// causes are the system's reasons in words for people.
var causes = map[error]string{
	syscall.ENOENT:       "it doesn't exist",
	syscall.EACCES:       "permission denied",
	syscall.EPERM:        "permission denied",
	syscall.ENOSPC:       "the disk is full",
	syscall.EROFS:        "the disk is read-only",
	syscall.ECONNREFUSED: "nothing answers there",
}

// Plain is an error for people: a message with the reason in words where Go's and the system's
// error stands. What is logged keeps the whole error.
func Plain(err error) string { return Sentence(Words(err)) }

// Words is Plain without the capital and the full stop, for a command line.
func Words(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if inner := foreign(err); inner != nil {
		raw := inner.Error()
		text = strings.Replace(text, " ("+raw+")", "", 1) // the text before says it already
		text = strings.Replace(text, raw, cause(inner), 1)
	}
	return plainly(text)
}

// raw are texts of Go and of the system that reach people inside of other texts, and what they mean.
var raw = []struct {
	is   *regexp.Regexp
	text string
}{
	{regexp.MustCompile(` \((dial|read|write) (tcp|udp|unix)[^()]*\)`), ""}, // the text before says it already
	{regexp.MustCompile(`\b(Get|Post|Put|Patch|Delete|Head) "[^"]*": `), ""},
	{regexp.MustCompile(`\bdial unix [^ ]+: connect: no such file or directory`), "nothing answers there"},
	{regexp.MustCompile(`\b(dial|read|write|accept|listen) (tcp|udp|unix|unixgram)[46]? [^ ]+( [^ ]+)?: `), ""},
	{regexp.MustCompile(`\blookup [^ ]+( on [^ ]+)?: (no such host|server misbehaving)`),
		"there is no server of that name"},
	{regexp.MustCompile(`\b(open|openat|l?stat|mkdir|rename|remove|unlinkat|readdirent|fsync|chmod|truncate|read|write) /[^:\n]*: `), ""},
	{regexp.MustCompile(`\bfork/exec /[^:\n]*: `), ""},
	{regexp.MustCompile(`exec: "([^"]+)": executable file not found in \$PATH`), "$1 is not installed"},
	{regexp.MustCompile(`\b(connect|read|write|recvmsg|sendmsg): (connection|broken|no route|network|no such file|permission|i/o)`), "$2"},
	{regexp.MustCompile(`\bconnection refused\b`), "nothing answers there"},
	{regexp.MustCompile(`\b(connection reset by peer|broken pipe|unexpected EOF|use of closed network connection)\b`),
		"the other side closed the connection"},
	{regexp.MustCompile(`: EOF\b`), ": the other side closed the connection"},
	{regexp.MustCompile(`\b(context deadline exceeded|i/o timeout|TLS handshake timeout)( \([^)]*\))?`),
		"it did not answer in time"},
	{regexp.MustCompile(`\bcontext canceled\b`), "it was canceled"},
	{regexp.MustCompile(`\b(no route to host|network is unreachable)\b`), "the network can't be reached"},
	{regexp.MustCompile(`\b(tls: failed to verify certificate: )?x509: [^;\n]*`), "its certificate isn't trusted"},
	{regexp.MustCompile(`\bno such file or directory\b`), "it doesn't exist"},
	{regexp.MustCompile(`\bno space left on device\b`), "the disk is full"},
	{regexp.MustCompile(`\bread-only file system\b`), "the disk is read-only"},
	{regexp.MustCompile(`\boperation not permitted\b`), "permission denied"},
	{regexp.MustCompile(`\btoo many open files( in system)?\b`), "too many files are open"},
	{regexp.MustCompile(`\bexit status \d+\b`), "it failed"},
}

// seen are the newest texts and what became of them. A problem that stays is in every snapshot, and going through all
// of raw each time took more time than mixing the sound does.
var seen = struct {
	sync.Mutex
	plain map[string]string
}{plain: map[string]string{}}

// mostSeen is how many texts are kept: those of a failure that has a number in it are many.
const mostSeen = 100

// plainly puts words for people in the place of Go's and the system's, wherever they stand in a text.
func plainly(text string) string {
	seen.Lock()
	defer seen.Unlock()
	plain, ok := seen.plain[text]
	if !ok {
		plain = text
		for _, r := range raw {
			plain = r.is.ReplaceAllString(plain, r.text)
		}
		if len(seen.plain) >= mostSeen {
			clear(seen.plain)
		}
		seen.plain[text] = plain
	}
	return plain
}

// foreign is the outermost error in the chain that is not this program's, nil for none.
func foreign(err error) error {
	for ; err != nil; err = errors.Unwrap(err) {
		switch e := err.(type) { //nolint:errorlint // the chain is walked here
		case *fs.PathError, *os.LinkError, *os.SyscallError, *net.OpError, *url.Error, syscall.Errno:
			return err
		case interface{ Unwrap() []error }:
			for _, part := range e.Unwrap() {
				if f := foreign(part); f != nil {
					return f
				}
			}
			return nil
		}
	}
	return nil
}

func cause(err error) string {
	for known, text := range causes {
		if errors.Is(err, known) {
			return text
		}
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	var remote *url.Error
	if errors.As(err, &remote) && remote.Timeout() {
		return "it did not answer in time"
	}
	return "it failed"
}
