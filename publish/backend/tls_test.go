package backend_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// The service terminates TLS by itself. A renewed certificate is served without a restart, and one that cannot be read
// does not replace the one that works; the app accepts no certificate that is not its host's, trusted and valid, and
// says which it is. Connections that never finish a request end, and others are served in the meantime.
func TestTLS(t *testing.T) {
	authority, dir, cert, key := issued(t)
	l := newLibrary(t, 1<<20, stack.BackendOptions{Args: []string{"--tls-cert", cert, "--tls-key", key, "--rate", "0"}})
	addr := strings.TrimPrefix(l.URL, "http://")
	app := func(name string, trust *x509.CertPool) error {
		web := caller(t, "127.0.0.1", addr, trust)
		defer web.CloseIdleConnections()
		c, err := client.New("https://"+name, l.Token, client.WithHTTPClient(web))
		require.NoError(t, err)
		_, err = c.Video(t.Context(), l.clip.ID, io.Discard)
		if err == nil {
			_, err = c.Clips(t.Context())
		}
		return err
	}
	refused := func(err error, why string) {
		t.Helper()
		require.ErrorIs(t, err, client.ErrUnreachable)
		require.ErrorContains(t, err, why)
		require.NotContains(t, err.Error(), "x509")
	}
	trust := authority.Pool()
	require.NoError(t, app(host, trust))
	refused(app(host, nil), "does not trust who issued the certificate of "+host)
	refused(app("other.example.com", trust), "is for another name ("+host+")")

	stays := caller(t, "127.0.0.1", addr, trust)
	served := func() string {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: trust, ServerName: host, InsecureSkipVerify: true})
		require.NoError(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	resp, _ := get(t, stays, api.Prefix+"/healthz")
	require.Equal(t, 2, resp.ProtoMajor)
	before := served()
	_, _, err := authority.Issue(dir, host, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	expired := served()
	require.NotEqual(t, before, expired, "the renewed certificate is not served")
	refused(app(host, trust), "the certificate of "+host+" expired on")
	resp, _ = get(t, stays, api.Prefix+"/healthz")
	require.Equal(t, http.StatusOK, resp.StatusCode, "a connection of before")
	require.NoError(t, os.WriteFile(cert, []byte("half a certificate"), 0o600))
	require.Equal(t, expired, served())
	require.Contains(t, l.Tail(4000), "the changed certificate cannot be used")
	require.Contains(t, l.Tail(4000), "has expired")
	_, _, err = authority.Issue(dir, host, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, app(host, trust))

	slow := map[net.Conn]bool{}
	for i := range 200 {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
		if i%2 == 0 { // the others do not even begin with TLS
			secure := tls.Client(c, &tls.Config{RootCAs: trust, ServerName: host})
			_, err = io.WriteString(secure, "GET /healthz HTTP/1.1\r\nX-Slow: ")
			require.NoError(t, err)
			c = secure
		}
		slow[c] = true
	}
	rounds := 0
	require.Eventually(t, func() bool {
		for c := range slow {
			if _, tlsBegun := c.(*tls.Conn); tlsBegun {
				_, err = io.WriteString(c, "x")
			} else {
				_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, err = c.Read(make([]byte, 1))
			}
			if timeout, ok := err.(net.Error); err != nil && !(ok && timeout.Timeout()) {
				delete(slow, c)
			}
		}
		rounds++
		return app(host, trust) != nil || len(slow) == 0
	}, 40*time.Second, 500*time.Millisecond)
	require.Empty(t, slow, "others are not served")
	require.Greater(t, rounds, 3, "they were closed at once")
}
