package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// request is one call. again allows a retry after a response was lost.
type request struct {
	method, path string
	body         any    // sent as JSON
	raw          []byte // sent as it is, as of type kind
	kind         string
	again        bool
	timeout      time.Duration
	header       map[string]string
}

// call sends r, with retries, and decodes the response.
func call[T any](ctx context.Context, c *Client, r request) (*T, error) {
	body := r.raw
	if r.body != nil {
		r.kind = "application/json"
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, err
		}
	}
	pause := firstPause
	for try := 1; ; try++ {
		out, err := once[T](ctx, c, r, body)
		if err == nil || try == tries || !mayTryAgain(err, r.again) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		pause *= 3
	}
}

func once[T any](ctx context.Context, c *Client, r request, body []byte) (*T, error) {
	limit := r.timeout
	if limit == 0 {
		limit = callTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	resp, err := c.send(ctx, r, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, problem(resp)
	}
	out := new(T)
	if resp.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return nil, notABackend(resp)
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out)
	if err != nil {
		return nil, &lost{fmt.Errorf("%w: the response was cut off: %v", ErrUnreachable, err)}
	}
	return out, nil
}

// send makes the HTTP request. The caller closes the body.
func (c *Client) send(ctx context.Context, r request, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrURL, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json, "+api.ProblemMediaType)
	for key, value := range r.header {
		req.Header.Set(key, value)
	}
	if body != nil {
		req.Header.Set("Content-Type", r.kind)
	}
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transportError(req, err)
	}
	c.clock.learn(resp.Header.Get(api.TimeHeader), sent, time.Now())
	return resp, nil
}

// lost marks an error after which the backend may or may not have done the work.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

// unsent marks an error before which nothing reached the backend.
type unsent struct{ error }

func (u *unsent) Unwrap() error { return u.error }

// mayTryAgain says whether a retry can help and cannot do the work twice.
func mayTryAgain(err error, again bool) bool {
	var l *lost
	var u *unsent
	return errors.As(err, &u) || again && errors.As(err, &l)
}

// transportError explains an error without a response.
func transportError(req *http.Request, err error) error {
	host := req.URL.Host
	var dns *net.DNSError
	var op *net.OpError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: the request was canceled: %w", ErrUnreachable, context.Canceled)
	case errors.Is(err, errPlainRedirect):
		return fmt.Errorf("%w: %s redirects to http://, where your token could be read on the way; enter the address that "+
			"it should lead to, with https://, or tell the server's operator", ErrURL, host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("%w: no server named %s was found; check the server URL in Settings", ErrUnreachable, dns.Name)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%w: %s does not speak TLS, so nothing was sent; the server's operator has to set up "+
			"https:// there (hindsight-backend serve --tls-cert, or a proxy in front). http:// is for a backend on this "+
			"computer", ErrURL, host)
	case errors.As(err, &untrusted):
		return fmt.Errorf("%w: %s; nothing was sent", ErrUnreachable, distrust(host, untrusted))
	case errors.Is(err, syscall.ECONNREFUSED):
		return &unsent{fmt.Errorf("%w: nothing listens at %s; is the backend running?", ErrUnreachable, host)}
	case errors.As(err, &op) && op.Op == "dial":
		return &unsent{fmt.Errorf("%w: %s cannot be reached (%v); check the network", ErrUnreachable, host, op.Err)}
	case errors.Is(err, context.DeadlineExceeded):
		return &lost{fmt.Errorf("%w: %s did not answer in time", ErrUnreachable, host)}
	}
	return &lost{fmt.Errorf("%w: the connection to %s broke: %v", ErrUnreachable, host, err)}
}

// distrust says what is wrong with a server's certificate, and who can help.
func distrust(host string, e *tls.CertificateVerificationError) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(e.Err, &name):
		return fmt.Sprintf("the certificate that %s shows is for another name (%s), so it may be another server; check the "+
			"server URL in Settings", host, strings.Join(name.Certificate.DNSNames, ", "))
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(invalid.Cert.NotBefore):
		return fmt.Sprintf("the certificate of %s is valid only from %s on; is the clock of this computer right?", host,
			invalid.Cert.NotBefore.Local().Format("2 January 2006, 15:04"))
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s expired on %s; the server's operator has to renew it, unless the "+
			"clock of "+
			"this computer is wrong", host, invalid.Cert.NotAfter.Local().Format("2 January 2006, 15:04"))
	case errors.As(e.Err, &unknown):
		return fmt.Sprintf("this computer does not trust who issued the certificate of %s, so it may be another server; ask "+
			"the server's operator for a certificate that is trusted, or install its authority on this computer", host)
	}
	return fmt.Sprintf("the certificate of %s is not accepted (%v); tell the server's operator", host, e.Err)
}

// problem turns a response that is not a success into an error.
func problem(resp *http.Response) error {
	var p api.Problem
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	isProblem := strings.HasPrefix(resp.Header.Get("Content-Type"), api.ProblemMediaType)
	if !isProblem || json.Unmarshal(b, &p) != nil || p.Type == "" {
		return notABackend(resp)
	}
	kind := map[string]error{
		api.ProblemToken: ErrToken, api.ProblemRoom: ErrRoom, api.ProblemScope: ErrRoom, api.ProblemRecorder: ErrEgress,
		api.ProblemNotFound: ErrNotFound, api.ProblemInvalid: ErrInvalid, api.ProblemConflict: ErrInvalid,
		api.ProblemTrack: ErrTrack, api.ProblemEncrypted: ErrEncrypted,
		api.ProblemQuota: ErrQuota, api.ProblemSpace: ErrQuota,
	}[p.Type]
	if kind == nil {
		kind = ErrServer
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return &refused{error: fmt.Errorf("%w: %s", kind, p.Detail), status: resp.StatusCode}
}

// refused is a problem that the backend responds with.
type refused struct {
	error
	status int
}

func (r *refused) Unwrap() error { return r.error }

// IsWrongValue is whether the backend does not accept a value in a request.
func IsWrongValue(err error) bool { return status(err) == http.StatusBadRequest }

// status is that of a problem; 0 is any other error.
func status(err error) int {
	var r *refused
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}

// notABackend explains a response that a Hindsight backend does not give.
func notABackend(resp *http.Response) error {
	host := resp.Request.URL.Host
	switch {
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusServiceUnavailable,
		resp.StatusCode == http.StatusGatewayTimeout:
		return &lost{fmt.Errorf("%w: a proxy at %s answers %s; is the backend behind it running?",
			ErrUnreachable, host, resp.Status)}
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: %s answers %s, but not as a Hindsight backend", ErrURL, host, resp.Status)
	}
	return fmt.Errorf("%w: what answers at %s is not a Hindsight backend (%s); check the server URL in Settings",
		ErrURL, host, resp.Status)
}
