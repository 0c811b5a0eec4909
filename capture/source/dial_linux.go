package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

// answerWait is how long an answer of the sound server may take: the client library's own second is too short for a busy
// machine.
const answerWait = 10 * time.Second

// descriptor is the length in bytes of what goes before each message: its own length, a channel, an offset in two parts, and
// flags, each 32 bits, big-endian (PulseAudio, pulsecore/pstream.c).
const descriptor = 20

// connection is one to a sound server. The client calls back from a goroutine of its own, which ends with the connection.
type connection struct {
	client *proto.Client
	conn   net.Conn
	// gone is closed when the connection has ended, by whatever cause.
	gone chan struct{}
}

// dial connects to the sound server as PulseAudio's own programs do, and introduces this one.
//
// The client library could dial by itself, but it never ends reading a list that the connection breaks off.
func dial(callback func(any)) (connection, error) {
	var failures []error
	for _, address := range addresses() {
		network, path, _ := strings.Cut(address, ":")
		conn, err := net.Dial(network, path)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		c := connection{&proto.Client{Callback: callback}, conn, make(chan struct{})}
		c.client.SetTimeout(answerWait)
		c.client.Open(&messages{conn: conn, from: bufio.NewReaderSize(conn, 16<<10), lost: sync.OnceFunc(func() { close(c.gone) })})
		if err := hello(c.client); err != nil {
			c.close()
			failures = append(failures, err)
			continue
		}
		return c, nil
	}
	if len(failures) == 0 {
		return connection{}, errors.New("PULSE_SERVER names no server that can be reached")
	}
	return connection{}, errors.Join(failures...)
}

// close ends the connection and waits until nobody calls back any more.
func (c connection) close() {
	c.conn.Close()
	<-c.gone
}

// addresses are where a server may be, as network:address ("Server Strings" in PulseAudio's documentation).
func addresses() (list []string) {
	const port = "4713"
	host, _ := os.Hostname()
	servers := os.Getenv("PULSE_SERVER")
	if servers == "" {
		servers = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "pulse", "native")
	}
	for _, s := range strings.Fields(servers) {
		if only, rest, found := strings.Cut(strings.TrimPrefix(s, "{"), "}"); found && s[0] == '{' {
			if only != host {
				continue
			}
			s = rest
		}
		kind, where, named := strings.Cut(s, ":")
		switch {
		case strings.HasPrefix(s, "/"):
			list = append(list, "unix:"+s)
		case named && kind == "unix":
			list = append(list, s)
		case named && (kind == "tcp" || kind == "tcp4" || kind == "tcp6"):
			if _, _, err := net.SplitHostPort(where); err != nil {
				where = net.JoinHostPort(strings.Trim(where, "[]"), port)
			}
			list = append(list, kind+":"+where)
		}
	}
	return list
}

// hello shows the cookie and tells the program's name.
func hello(client *proto.Client) error {
	path := os.Getenv("PULSE_COOKIE")
	if path == "" {
		home, _ := os.UserHomeDir()
		path = filepath.Join(home, ".config", "pulse", "cookie")
	}
	cookie, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		cookie, err = make([]byte, 256), nil // a server that lets everybody in takes any
	}
	if err != nil {
		return err
	}
	var auth proto.AuthReply
	if err := client.Request(&proto.Auth{Version: client.Version(), Cookie: cookie}, &auth); err != nil {
		return err
	}
	client.SetVersion(auth.Version)
	props := proto.PropList{"application.name": proto.PropListString("Hindsight")}
	return client.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{})
}

// messages hands the client library whole messages only. It belongs to the library's goroutine, but for Write.
type messages struct {
	conn  net.Conn
	from  *bufio.Reader
	lost  func()
	whole []byte // the memory of one message
	rest  []byte // what of it is not read yet
}

func (m *messages) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		if err := m.next(); err != nil {
			m.lost()
			return 0, err
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *messages) next() error {
	head, err := m.from.Peek(descriptor)
	if err != nil {
		return err
	}
	const most = 16 << 20 // PulseAudio's FRAME_SIZE_MAX_ALLOW
	size := int64(binary.BigEndian.Uint32(head)) + descriptor
	if size > most+descriptor {
		return errors.New("the sound server sent a message without sense")
	}
	if int64(cap(m.whole)) < size {
		m.whole = make([]byte, size)
	}
	m.rest = m.whole[:size]
	_, err = io.ReadFull(m.from, m.rest)
	return err
}

func (m *messages) Write(p []byte) (int, error) { return m.conn.Write(p) }
