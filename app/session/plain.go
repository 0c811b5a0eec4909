package session

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
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
func Plain(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if inner := foreign(err); inner != nil {
		raw := inner.Error()
		text = strings.Replace(text, " ("+raw+")", "", 1) // the text before says it already
		text = strings.Replace(text, raw, cause(inner), 1)
	}
	return Sentence(text)
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
