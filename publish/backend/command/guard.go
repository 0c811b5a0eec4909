package command

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend"
	"github.com/hindsight-app/hindsight/publish/backend/jwt"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// guard holds the flags of serve that say who may do what, and how much of it.
type guard struct {
	BaseURL        string        `placeholder:"URL" help:"Public URL of this service, https://host, for share links. Default: taken from each request, and share links get no preview." env:"HINDSIGHT_BASE_URL"`
	TrustedProxies []string      `placeholder:"ADDRESS" help:"Addresses or networks of proxies whose X-Forwarded-For, -Proto and -Host are trusted. List only proxies: everything else in a trusted network can pretend to be any client." env:"HINDSIGHT_TRUSTED_PROXIES"`
	CORSOrigins    []string      `name:"cors-origins" placeholder:"ORIGIN" help:"Web origins that may call from a browser, for example https://app.example.com. Default: none." env:"HINDSIGHT_CORS_ORIGINS"`
	Rate           float64       `help:"Sustained requests per second per user, or per address without a user. Bursts may be ten times as large. 0 means unlimited." default:"20" env:"HINDSIGHT_RATE"`
	KeepClips      time.Duration `help:"How long clips are kept, for example 12h or 30d. 0 means forever." default:"0" env:"HINDSIGHT_KEEP_CLIPS"`
	MaxClips       int           `help:"Maximum number of clips per user. 0 means unlimited." default:"0" env:"HINDSIGHT_MAX_CLIPS"`
	MaxClipMB      int64         `name:"max-clip-mb" help:"Maximum size of all clips of a user, in MB. 0 means unlimited." default:"0" env:"HINDSIGHT_MAX_CLIP_MB"`
	MaxUploadMB    int64         `name:"max-upload-mb" help:"Maximum size of a clip that a user uploads, in MB." default:"2000" env:"HINDSIGHT_MAX_UPLOAD_MB"`
	MaxUpload      time.Duration `help:"Maximum length of a clip that a user uploads." default:"1h" env:"HINDSIGHT_MAX_UPLOAD"`
	UploadExpire   time.Duration `help:"How long an unfinished upload is kept." default:"24h" env:"HINDSIGHT_UPLOAD_EXPIRE"`
	MaxReplays     int           `help:"Maximum number of replays per user. Ended replays count until they expire." default:"32" env:"HINDSIGHT_MAX_REPLAYS"`
	MaxRecording   time.Duration `help:"Maximum length of a recording. It is then stopped." default:"12h" env:"HINDSIGHT_MAX_RECORDING"`
	KeepRecordings time.Duration `help:"How long finished recordings are kept, for example 12h or 30d. 0 means forever." default:"0" env:"HINDSIGHT_KEEP_RECORDINGS"`
	MaxRecordings  int           `help:"Maximum number of recordings per user. 0 means unlimited." default:"0" env:"HINDSIGHT_MAX_RECORDINGS"`
	MaxRecordingMB int64         `name:"max-recording-mb" help:"Maximum size of all recordings of a user, in MB, above which no new one starts. 0 means unlimited." default:"0" env:"HINDSIGHT_MAX_RECORDING_MB"`
	ReserveMB      int64         `name:"reserve-mb" help:"Free space to keep on the data folder's disk, in MB. Below it, the oldest replay is deleted and nothing new is recorded. 0 means 1 GiB or 5 % of the disk, whichever is less; -1 turns it off." default:"0" env:"HINDSIGHT_RESERVE_MB"`
	MaxLink        time.Duration `help:"Maximum lifetime of a share link." default:"90d" env:"HINDSIGHT_MAX_LINK"`
	AuditLog       string        `placeholder:"FILE" help:"Audit log file, in JSON lines. Default: the log." env:"HINDSIGHT_AUDIT_LOG"`

	JWTKeySet   string `name:"jwt-key-set" placeholder:"URL|FILE" help:"JSON Web Key Set of your identity provider. Its tokens are then accepted as well." env:"HINDSIGHT_JWT_KEY_SET"`
	JWTIssuer   string `name:"jwt-issuer" placeholder:"ISSUER" help:"Required issuer (iss) of those tokens." env:"HINDSIGHT_JWT_ISSUER"`
	JWTAudience string `name:"jwt-audience" placeholder:"AUDIENCE" help:"Required audience (aud) of those tokens." env:"HINDSIGHT_JWT_AUDIENCE"`
	JWTIdentity string `name:"jwt-identity-claim" placeholder:"CLAIM" help:"Claim that contains the user's name." default:"sub" env:"HINDSIGHT_JWT_IDENTITY_CLAIM"`
	JWTRooms    string `name:"jwt-rooms" placeholder:"PATTERN" help:"Rooms for tokens without the claim hindsight_rooms." default:"*" env:"HINDSIGHT_JWT_ROOMS"`
	JWTScopes   string `name:"jwt-scopes" help:"Scopes for tokens without the claim hindsight_scopes." default:"publish" env:"HINDSIGHT_JWT_SCOPES"`
}

// fill checks the flags and sets the options that need nothing opened.
func (g *guard) fill(o *backend.Options) error {
	for _, text := range g.TrustedProxies {
		if text == "" { // of an empty variable
			continue
		}
		p, err := netip.ParsePrefix(text)
		if addr, err2 := netip.ParseAddr(text); err != nil && err2 == nil {
			p, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return fmt.Errorf("--trusted-proxies has %q; it must be an address or a network like 10.0.12.0/28", text)
		}
		o.Web.TrustedProxies = append(o.Web.TrustedProxies, p)
	}
	for _, origin := range g.CORSOrigins {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("--cors-origins has %q; it must be of the form https://host, without a path", origin)
		}
	}
	if u, err := url.Parse(g.BaseURL); g.BaseURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" &&
		u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "") {
		return fmt.Errorf("--base-url is %q; it must be of the form https://host", g.BaseURL)
	}
	_, err := path.Match(g.JWTRooms, "")
	switch {
	case g.Rate < 0 || g.Rate > 1e6:
		return fmt.Errorf("--rate is %g; it must be 0 to 1000000 calls a second", g.Rate)
	case g.KeepClips < 0 || g.KeepClips > 0 && g.KeepClips < time.Minute:
		return fmt.Errorf("--keep-clips is %v; it must be 0 or at least 1m", g.KeepClips)
	case g.MaxClips < 0 || g.MaxClipMB < 0:
		return errors.New("--max-clips and --max-clip-mb must be 0 or more")
	case g.MaxUploadMB < 1 || g.MaxUploadMB > 100_000 || g.MaxUpload < time.Second || g.MaxUpload > 12*time.Hour ||
		g.UploadExpire < time.Minute || g.UploadExpire > 30*24*time.Hour:
		return errors.New("--max-upload-mb must be 1 to 100000, --max-upload between 1s and 12h, and --upload-expire " +
			"between 1m and 30d")
	case g.KeepRecordings < 0 || g.KeepRecordings > 0 && g.KeepRecordings < time.Minute:
		return fmt.Errorf("--keep-recordings is %v; it must be 0 or at least 1m", g.KeepRecordings)
	case g.MaxReplays < 1 || g.MaxRecordings < 0 || g.MaxRecordingMB < 0 || g.ReserveMB < -1:
		return errors.New("--max-replays must be at least 1, --max-recordings and --max-recording-mb at least 0, and " +
			"--reserve-mb at least -1")
	case g.MaxRecording < time.Minute || g.MaxRecording > 30*24*time.Hour:
		return fmt.Errorf("--max-recording is %v; it must be between 1m and 30d", g.MaxRecording)
	case g.MaxLink < time.Minute || g.MaxLink > 10*365*24*time.Hour:
		return fmt.Errorf("--max-link is %v; it must be between 1m and 3650d", g.MaxLink)
	case g.JWTKeySet == "" && (g.JWTIssuer != "" || g.JWTAudience != ""):
		return errors.New("--jwt-issuer and --jwt-audience need --jwt-key-set")
	case g.JWTKeySet != "" && (g.JWTIssuer == "" || g.JWTAudience == ""):
		return errors.New("--jwt-key-set needs --jwt-issuer and --jwt-audience: tokens meant for others must not work here")
	case err != nil:
		return fmt.Errorf("--jwt-rooms is %q; it must be a pattern like team-*", g.JWTRooms)
	}
	if _, err := state.ParseScopes(g.JWTScopes); err != nil {
		return fmt.Errorf("--jwt-scopes: %w", err)
	}
	w, k := &o.Web, &o.Keeper
	w.BaseURL, w.CORSOrigins, w.Rate, w.MaxLink = strings.TrimSuffix(g.BaseURL, "/"), g.CORSOrigins, g.Rate, g.MaxLink
	w.MaxClips, w.MaxClipBytes, w.MaxReplays = g.MaxClips, g.MaxClipMB*1e6, g.MaxReplays
	w.MaxRecordings, w.MaxRecordingBytes = g.MaxRecordings, g.MaxRecordingMB*1e6
	k.KeepClips, k.MaxRecording, k.KeepRecordings = g.KeepClips, g.MaxRecording, g.KeepRecordings
	o.Uploads.MaxBytes, o.Uploads.MaxLength, o.Uploads.Expire = g.MaxUploadMB*1e6, g.MaxUpload, g.UploadExpire
	o.Buffers.Reserve = g.ReserveMB * 1e6
	return nil
}

// open opens what the options need: the audit log and the key set. The caller closes what it returns.
func (g *guard) open(o *backend.Options) (io.Closer, error) {
	var opened closers
	if g.AuditLog != "" {
		f, err := os.OpenFile(g.AuditLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("the audit log cannot be written: %w", err)
		}
		opened = append(opened, f)
		o.Audit = slog.New(slog.NewJSONHandler(f, nil))
	}
	if g.JWTKeySet == "" {
		return opened, nil
	}
	scopes, err := state.ParseScopes(g.JWTScopes)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	v, err := jwt.Open(jwt.Options{KeySet: g.JWTKeySet, Issuer: g.JWTIssuer, Audience: g.JWTAudience,
		IdentityClaim: g.JWTIdentity, Rooms: g.JWTRooms, Scopes: scopes, Log: o.Log})
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	o.JWT = v
	return append(opened, v), nil
}

// closers are closed together.
type closers []io.Closer

// Close closes all.
func (c closers) Close() error {
	var err error
	for _, one := range c {
		err = errors.Join(err, one.Close())
	}
	return err
}
