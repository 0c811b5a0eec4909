package source

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerAddresses(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	own(t)
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	for servers, want := range map[string][]string{
		"": {"unix:/run/user/7/pulse/native", "unix:/run/pulse/native",
			"unix:/var/run/pulse/native"},
		"/run/a":                              {"unix:/run/a"},
		"unix:/run/a tcp:box tcp6:[::1]:4000": {"unix:/run/a", "tcp:box:4713", "tcp6:[::1]:4000"},
		"tcp6:[::1]":                          {"tcp6:[::1]:4713"},
		"127.0.0.1:4999":                      {"tcp:127.0.0.1:4999"},
		"box [::1]:4000 [::1]":                {"tcp:box:4713", "tcp:[::1]:4000", "tcp:[::1]:4713"},
		"{" + host + "}unix:/a {other}/b /c":  {"unix:/a", "unix:/c"},
		"{" + host + "} what:ever":            nil,
	} {
		t.Setenv("PULSE_SERVER", servers)
		require.Equal(t, want, addresses(), servers)
	}
}

// own gives the test its own home, without any settings.
func own(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	for _, name := range []string{"PULSE_SERVER", "PULSE_COOKIE", "PULSE_CLIENTCONFIG", "PULSE_RUNTIME_PATH",
		"XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	write(t, home, ".config/pulse/client.conf", "")
	return home
}

func write(t *testing.T, home, path, text string) {
	t.Helper()
	path = filepath.Join(home, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// Without PULSE_SERVER the server is where PulseAudio's own programs find it.
func TestServerIsFoundAsPactlDoes(t *testing.T) {
	for name, c := range map[string]struct {
		env   map[string]string
		files map[string]string
		want  string
	}{
		"the session's folder": {map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}, nil, "unix:/run/user/7/pulse/native"},
		"no session":           {nil, nil, fmt.Sprintf("unix:/run/user/%d/pulse/native", os.Getuid())},
		"a folder of its own":  {map[string]string{"PULSE_RUNTIME_PATH": "/x"}, nil, "unix:/x/native"},
		"client.conf": {nil, map[string]string{".config/pulse/client.conf": "; no = /a\n# default-server = /a\n " +
			"default-server = /b\n"}, "unix:/b"},
		"before the session's": {map[string]string{"XDG_RUNTIME_DIR": "/r"},
			map[string]string{".config/pulse/client.conf": "default-server=box"}, "tcp:box:4713"},
		"PULSE_SERVER before it": {map[string]string{"PULSE_SERVER": "/s"},
			map[string]string{".config/pulse/client.conf": "default-server=box"}, "unix:/s"},
		"a drop-in counts last": {nil, map[string]string{".config/pulse/client.conf": "default-server=/a",
			".config/pulse/client.conf.d/1.conf": "default-server=/b",
			".config/pulse/client.conf.d/2.conf": "default-server=/c"}, "unix:/c"},
		"another folder": {map[string]string{"XDG_CONFIG_HOME": "HOME/etc"},
			map[string]string{"etc/pulse/client.conf": "default-server=/d"}, "unix:/d"},
		"another file": {map[string]string{"PULSE_CLIENTCONFIG": "HOME/my.conf"},
			map[string]string{"my.conf": "default-server=/e"}, "unix:/e"},
	} {
		t.Run(name, func(t *testing.T) {
			home := own(t)
			for path, text := range c.files {
				write(t, home, path, text)
			}
			for key, value := range c.env {
				t.Setenv(key, strings.Replace(value, "HOME", home, 1))
			}
			require.NotEmpty(t, addresses())
			require.Equal(t, c.want, addresses()[0])
		})
	}
}

func TestCookieIsFoundAsPactlDoes(t *testing.T) {
	secret := func(c string) string { return strings.Repeat(c, 256) }
	for name, c := range map[string]struct {
		env   map[string]string
		files map[string]string
		want  string
	}{
		"none": {nil, nil, secret("\x00")},
		"the usual": {nil, map[string]string{".config/pulse/cookie": secret("a"), ".pulse-cookie": secret("b")},
			secret("a")},
		"the old one":       {nil, map[string]string{".pulse-cookie": secret("b")}, secret("b")},
		"one that is empty": {nil, map[string]string{".config/pulse/cookie": "", ".pulse-cookie": secret("b")}, secret("b")},
		"PULSE_COOKIE": {map[string]string{"PULSE_COOKIE": "HOME/c"},
			map[string]string{"c": secret("c"), ".pulse-cookie": secret("b")}, secret("c")},
		"PULSE_COOKIE wrong": {map[string]string{"PULSE_COOKIE": "HOME/c"}, map[string]string{".pulse-cookie": secret("b")},
			secret("b")},
		"client.conf": {nil, map[string]string{".config/pulse/client.conf": "cookie-file = mine",
			".config/pulse/mine": secret("d")}, secret("d")},
	} {
		t.Run(name, func(t *testing.T) {
			home := own(t)
			for path, text := range c.files {
				write(t, home, path, text)
			}
			for key, value := range c.env {
				t.Setenv(key, strings.Replace(value, "HOME", home, 1))
			}
			require.Equal(t, c.want, string(cookie()))
		})
	}
}

// A message that breaks off is not handed on at all, and that it broke off is reported.
func TestBrokenMessage(t *testing.T) {
	here, there := net.Pipe()
	lost := 0
	m := &messages{conn: here, from: bufio.NewReader(here), lost: func() { lost++ }}
	message := append(binary.BigEndian.AppendUint32(nil, 3), make([]byte, descriptor-4)...)
	go func() {
		_, _ = there.Write(append(message, "abc"...))
		_, _ = there.Write(append(message, "ab"...))
		there.Close()
	}()
	got, err := io.ReadAll(m)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "abc", string(got[descriptor:]))
	require.Equal(t, 1, lost)
}

// How far a monitor runs ahead is asked for again after the sound server did not reply.
func TestLeadIsAskedForAgain(t *testing.T) {
	own(t)
	hangsUp, err := net.Listen("unix", filepath.Join(t.TempDir(), "native"))
	require.NoError(t, err)
	t.Setenv("PULSE_SERVER", "unix:"+hangsUp.Addr().String())
	l := watchLag("")
	defer l.close()
	for range 2 {
		c, err := hangsUp.Accept()
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	require.NoError(t, hangsUp.Close())
	require.Equal(t, 2*halfBlock, l.value(), "what holds where the server does not say")
}
