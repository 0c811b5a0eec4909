package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

// answerWait is how long a reply of the sound server may take: the client library's own second is too short for a busy
// machine.
const answerWait = 10 * time.Second

// descriptor is the length in bytes of what goes before each message: its own length, a channel, an offset in two
// parts, and flags, each 32 bits, big-endian (PulseAudio, pulsecore/pstream.c).
const descriptor = 20

// connection is one to a sound server. The client calls back from its own goroutine, which ends with the connection.
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
		c.client.Open(&messages{conn: conn, from: bufio.NewReaderSize(conn, 16<<10),
			lost: sync.OnceFunc(func() { close(c.gone) })})
		if err := hello(c.client); err != nil {
			c.close()
			failures = append(failures, err)
			continue
		}
		return c, nil
	}
	if len(failures) == 0 {
		return connection{}, errors.New("PULSE_SERVER or default-server in client.conf names no server that can be reached")
	}
	for _, err := range failures {
		if !errors.Is(err, fs.ErrNotExist) { // where there is no socket, no server was expected
			return connection{}, err
		}
	}
	return connection{}, failures[0]
}

// close ends the connection and waits until nobody calls back anymore.
func (c connection) close() {
	c.conn.Close()
	<-c.gone
}

// pulsePort is the port of PulseAudio's protocol.
const pulsePort = "4713"

// addresses are where a server may be, as network:address: what PULSE_SERVER, the settings of PulseAudio's programs or
// habit say, in this order ("Server Strings" in PulseAudio's documentation; pulse/context.c).
func addresses() (list []string) {
	host, _ := os.Hostname()
	servers := os.Getenv("PULSE_SERVER")
	if servers == "" {
		servers = clientSettings().server
	}
	if servers == "" {
		for _, dir := range runtimeFolders() {
			list = append(list, "unix:"+filepath.Join(dir, "native"))
		}
		return list
	}
	for _, s := range strings.Fields(servers) {
		if only, rest, found := strings.Cut(strings.TrimPrefix(s, "{"), "}"); found && s[0] == '{' {
			if only != host && only != machineID() {
				continue
			}
			s = rest
		}
		if a := address(s); a != "" {
			list = append(list, a)
		}
	}
	return list
}

// address reads one server string without its host in braces; what has no kind and no slash is a host
// (pulsecore/parseaddr.c). It is empty where there is nothing to dial.
func address(s string) string {
	kind, where, named := strings.Cut(s, ":")
	switch {
	case s == "":
		return ""
	case strings.HasPrefix(s, "/"):
		return "unix:" + s
	case named && kind == "unix":
		return s
	case named && (kind == "tcp" || kind == "tcp4" || kind == "tcp6"):
	default:
		kind, where = "tcp", s
	}
	if _, port, err := net.SplitHostPort(where); err != nil {
		where = net.JoinHostPort(strings.Trim(where, "[]"), pulsePort)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return ""
	}
	return kind + ":" + where
}

// machineID is how servers are named beside the host's name; empty where the machine has none.
func machineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(path); err == nil && len(bytes.TrimSpace(b)) > 0 {
			return string(bytes.TrimSpace(b))
		}
	}
	return ""
}

// runtimeFolders are where the socket of the user's own server may be, and then the one of the machine's
// (pulsecore/core-util.c, pa_get_runtime_dir; pulse/context.c).
func runtimeFolders() (list []string) {
	if dir := os.Getenv("PULSE_RUNTIME_PATH"); dir != "" {
		list = append(list, dir)
	} else if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		list = append(list, filepath.Join(dir, "pulse"))
	} else {
		list = append(list, filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "pulse"))
		if home, err := os.UserHomeDir(); err == nil {
			list = append(list, filepath.Join(home, ".config", "pulse", machineID()+"-runtime"))
		}
	}
	return append(list, "/run/pulse", "/var/run/pulse")
}

// settings are what PulseAudio's client.conf says about connections.
type settings struct{ server, cookie string }

// clientSettings reads client.conf as pulse/client-conf.c does: the user's file or else the machine's, and after it
// the files *.conf of the folder beside it named client.conf.d, in order of their names. What comes later counts.
func clientSettings() (s settings) {
	file := os.Getenv("PULSE_CLIENTCONFIG")
	if file == "" {
		file = "/etc/pulse/client.conf"
		for _, dir := range configFolders() {
			if own := filepath.Join(dir, "client.conf"); readable(own) {
				file = own
				break
			}
		}
	}
	s.read(file)
	dropIns, _ := filepath.Glob(filepath.Join(file+".d", "*.conf")) // sorted
	for _, f := range dropIns {
		s.read(f)
	}
	return s
}

// configFolders are where the user's files are, the usual one first.
func configFolders() (list []string) {
	home, err := os.UserHomeDir()
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		list = append(list, filepath.Join(dir, "pulse"))
	} else if err == nil {
		list = append(list, filepath.Join(home, ".config", "pulse"))
	}
	if err == nil {
		list = append(list, filepath.Join(home, ".pulse"))
	}
	return list
}

func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// read takes what a file says; one that cannot be read says nothing.
func (s *settings) read(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if i := strings.IndexAny(line, "#;"); i >= 0 && strings.TrimSpace(line[:i]) == "" {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "default-server":
			s.server = value
		case "cookie-file":
			s.cookie = value
		}
	}
}

// cookie is the secret that a server may want: the first file that there is of those that PulseAudio's programs look
// for (pulse/client-conf.c, pa_client_conf_load_cookie). A server that lets everybody in takes any.
func cookie() []byte {
	const size = 256 // PA_NATIVE_COOKIE_LENGTH
	home, _ := os.UserHomeDir()
	paths := []string{os.Getenv("PULSE_COOKIE"), clientSettings().cookie}
	for _, dir := range configFolders() {
		if filepath.Base(dir) == "pulse" {
			paths = append(paths, filepath.Join(dir, "cookie"))
		}
	}
	paths = append(paths, filepath.Join(home, ".pulse-cookie"))
	for _, path := range paths {
		if path == "" {
			continue
		}
		if dirs := configFolders(); !filepath.IsAbs(path) && len(dirs) > 0 {
			path = filepath.Join(dirs[0], path) // pulsecore/core-util.c, pa_append_to_config_home_dir
		}
		if b, err := os.ReadFile(path); err == nil && len(b) >= size {
			return b[:size]
		}
	}
	return make([]byte, size)
}

// hello shows the cookie and sends the program's name.
func hello(client *proto.Client) error {
	var auth proto.AuthReply
	if err := client.Request(&proto.Auth{Version: client.Version(), Cookie: cookie()}, &auth); err != nil {
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
		return errors.New("the sound server sent an invalid message")
	}
	if int64(cap(m.whole)) < size {
		m.whole = make([]byte, size)
	}
	m.rest = m.whole[:size]
	_, err = io.ReadFull(m.from, m.rest)
	return err
}

func (m *messages) Write(p []byte) (int, error) { return m.conn.Write(p) }
