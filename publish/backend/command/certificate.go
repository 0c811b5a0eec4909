package command

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// expiryNotice is how long before a certificate expires that is told, once a day.
const expiryNotice = 14 * 24 * time.Hour

// certificate is the service's certificate with its key. It is read again when its files have changed, so that one that
// was renewed is served without a restart; where the new one cannot be used, the one of before is.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]fileVersion // of the last try to read them
	told    time.Time      // when its expiry was
}

// fileVersion tells whether a file has changed.
type fileVersion struct {
	modified time.Time
	size     int64
}

func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.read(c.version()); err != nil {
		return nil, fmt.Errorf("the certificate of --tls-cert and --tls-key cannot be used: %w", err)
	}
	c.tellExpiry(time.Now())
	return c, nil
}

// version is that of both files; that of a missing one is zero.
func (c *certificate) version() (v [2]fileVersion) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = fileVersion{info.ModTime(), info.Size()}
		}
	}
	return v
}

func (c *certificate) read(v [2]fileVersion) error {
	c.seen = v
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current, c.told = &cert, time.Time{}
	return nil
}

// get is for tls.Config.GetCertificate, which is called for each new connection.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.version(); v != c.seen {
		if err := c.read(v); err != nil {
			c.log.Error("the changed certificate cannot be used; the previous one is served", "file", c.certFile, "err", err)
		} else {
			c.log.Info("the certificate was changed", "file", c.certFile, "expires", c.current.Leaf.NotAfter)
		}
	}
	c.tellExpiry(time.Now())
	return c.current, nil
}

// tellExpiry warns of a certificate that soon nobody accepts any more.
func (c *certificate) tellExpiry(now time.Time) {
	ends := c.current.Leaf.NotAfter
	if ends.Sub(now) > expiryNotice || now.Sub(c.told) < 24*time.Hour {
		return
	}
	c.told = now
	c.log.Warn("the certificate expires soon, or has expired; renew it: it is read again without a restart", "file",
		c.certFile, "expires", ends)
}
