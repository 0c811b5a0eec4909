package desktop

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Clipboard puts files onto the desktop's clipboard, so that file managers and chats paste them as files. While it
// holds them it owns an X connection and a goroutine, until something else is copied or Close, which waits.
type Clipboard struct {
	mu   sync.Mutex
	held *selection
}

// mostCopied bounds what is given in one piece, in bytes: the longest request of an X server.
const mostCopied = 200 << 10

// CopyFiles puts files onto the clipboard. The error is a message.
func (c *Clipboard) CopyFiles(paths []string) error {
	switch {
	case runtime.GOOS == "windows":
		return copyOnWindows(paths)
	case os.Getenv("WAYLAND_DISPLAY") != "":
		if tool, err := exec.LookPath("wl-copy"); err == nil {
			cmd := exec.Command(tool, "--type", "text/uri-list") // #nosec G204 -- a program of that name
			cmd.Stdin = strings.NewReader(uriList(paths, "\r\n"))
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("files can't be copied: wl-copy failed: %w", err)
			}
			return nil
		}
		if os.Getenv("DISPLAY") == "" {
			return errors.New("copying files needs wl-copy here: install wl-clipboard")
		}
	case os.Getenv("DISPLAY") == "":
		return errors.New("files can't be copied: there is no clipboard")
	}
	s, err := takeSelection(paths)
	if err != nil {
		return fmt.Errorf("files can't be copied: %w", err)
	}
	c.mu.Lock()
	old := c.held
	c.held = s
	c.mu.Unlock()
	if old != nil {
		old.close()
	}
	return nil
}

// Close gives up what is on the clipboard. It may be called twice.
func (c *Clipboard) Close() {
	c.mu.Lock()
	old := c.held
	c.held = nil
	c.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// copyOnWindows has PowerShell do it, which is everywhere. The list is given where no quoting can go wrong.
func copyOnWindows(paths []string) error {
	script := "Set-Clipboard -LiteralPath ([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('" +
		base64.StdEncoding.EncodeToString([]byte(strings.Join(paths, "\n"))) + "')) -split \"`n\")"
	c := exec.Command("powershell", "-NoProfile", "-NonInteractive", "-Command", script) // #nosec G204 -- of ours
	if err := c.Run(); err != nil {
		return fmt.Errorf("files can't be copied: PowerShell failed: %w", err)
	}
	return nil
}

// uriList is a list of files (RFC 2483, 5).
func uriList(paths []string, ending string) string {
	var b strings.Builder
	for _, p := range paths {
		b.WriteString((&url.URL{Scheme: "file", Path: p}).String() + ending)
	}
	return b.String()
}

// selection is the clipboard while it is ours (ICCCM, 2).
type selection struct {
	conn      *xgb.Conn
	window    xproto.Window
	clipboard xproto.Atom
	targets   xproto.Atom
	stamp     xproto.Atom
	since     xproto.Timestamp
	atoms     []xproto.Atom          // of offers, in their order
	offers    map[xproto.Atom][]byte // what is given
	done      chan struct{}
}

// offered are the forms that files are given in: for file managers, what GNOME's and Xfce's add to say that the files
// are copied and not cut, and text for editors.
func offered(paths []string) (names []string, data [][]byte) {
	list := uriList(paths, "\r\n")
	gnome := "copy\n" + strings.TrimSuffix(uriList(paths, "\n"), "\n")
	text := strings.Join(paths, "\n")
	return []string{"text/uri-list", "x-special/gnome-copied-files", "UTF8_STRING", "text/plain;charset=utf-8"},
		[][]byte{[]byte(list), []byte(gnome), []byte(text), []byte(text)}
}

func takeSelection(paths []string) (*selection, error) {
	names, data := offered(paths)
	if len(data[0]) > mostCopied {
		return nil, errors.New("these are too many files at once")
	}
	conn, err := xgb.NewConn()
	if err != nil {
		return nil, err
	}
	s := &selection{conn: conn, offers: map[xproto.Atom][]byte{}, done: make(chan struct{})}
	if err := s.take(names, data); err != nil {
		conn.Close()
		return nil, err
	}
	go s.serve()
	return s, nil
}

// take makes a window and gives it the clipboard.
func (s *selection) take(names []string, data [][]byte) error {
	atom := func(name string) (xproto.Atom, error) {
		r, err := xproto.InternAtom(s.conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			return 0, err
		}
		return r.Atom, nil
	}
	var err error
	for _, want := range []struct {
		name string
		to   *xproto.Atom
	}{{"CLIPBOARD", &s.clipboard}, {"TARGETS", &s.targets}, {"TIMESTAMP", &s.stamp}} {
		if *want.to, err = atom(want.name); err != nil {
			return err
		}
	}
	for i, name := range names {
		a, err := atom(name)
		if err != nil {
			return err
		}
		s.atoms = append(s.atoms, a)
		s.offers[a] = data[i]
	}
	if s.window, err = xproto.NewWindowId(s.conn); err != nil {
		return err
	}
	root := xproto.Setup(s.conn).DefaultScreen(s.conn).Root
	err = xproto.CreateWindowChecked(s.conn, 0, s.window, root, -1, -1, 1, 1, 0, xproto.WindowClassInputOnly, 0,
		xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
	if err != nil {
		return err
	}
	// The server's time comes with the report of a change (ICCCM, 2.1).
	err = xproto.ChangePropertyChecked(s.conn, xproto.PropModeAppend, s.window, s.stamp, xproto.AtomInteger, 32, 0,
		nil).Check()
	if err != nil {
		return err
	}
	for s.since == 0 {
		e, xerr := s.conn.WaitForEvent()
		switch {
		case e == nil && xerr == nil:
			return errors.New("the X server has gone")
		case xerr != nil:
			return xerr
		}
		if p, ok := e.(xproto.PropertyNotifyEvent); ok {
			s.since = p.Time
		}
	}
	if err := xproto.SetSelectionOwnerChecked(s.conn, s.window, s.clipboard, s.since).Check(); err != nil {
		return err
	}
	owner, err := xproto.GetSelectionOwner(s.conn, s.clipboard).Reply()
	if err != nil {
		return err
	}
	if owner.Owner != s.window {
		return errors.New("another program holds the clipboard")
	}
	return nil
}

// serve gives the files to whoever pastes.
func (s *selection) serve() {
	defer close(s.done)
	defer s.conn.Close()
	for {
		e, err := s.conn.WaitForEvent()
		if e == nil && err == nil {
			return // closed, or the server has gone
		}
		switch e := e.(type) {
		case xproto.SelectionRequestEvent:
			s.give(e)
		case xproto.SelectionClearEvent:
			return // something else was copied
		}
	}
}

// give replies to one request; a property of 0 says no. Errors are those of windows that are gone.
func (s *selection) give(e xproto.SelectionRequestEvent) {
	reply := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target,
		Property: e.Property}
	if reply.Property == 0 { // an old program (ICCCM, 2.2)
		reply.Property = e.Target
	}
	put := func(kind xproto.Atom, format byte, size int, b []byte) {
		xproto.ChangeProperty(s.conn, xproto.PropModeReplace, e.Requestor, reply.Property, kind, format, uint32(size), b)
	}
	data, known := s.offers[e.Target]
	switch {
	case e.Target == s.targets:
		all := append([]xproto.Atom{s.targets, s.stamp}, s.atoms...)
		var b bytes.Buffer
		for _, a := range all {
			word := make([]byte, 4)
			xgb.Put32(word, uint32(a))
			b.Write(word)
		}
		put(xproto.AtomAtom, 32, len(all), b.Bytes())
	case e.Target == s.stamp:
		word := make([]byte, 4)
		xgb.Put32(word, uint32(s.since))
		put(xproto.AtomInteger, 32, 1, word)
	case known:
		put(e.Target, 8, len(data), data)
	default:
		reply.Property = 0
	}
	xproto.SendEvent(s.conn, false, e.Requestor, 0, string(reply.Bytes()))
}

func (s *selection) close() {
	s.conn.Close()
	<-s.done
}
