package stack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	secretsName     = "org.freedesktop.secrets"
	secretsPath     = dbus.ObjectPath("/org/freedesktop/secrets")
	loginCollection = secretsPath + "/collection/login"
	prompterName    = "org.gnome.keyring.SystemPrompter"
	keyringPassword = "test"
	prompterPath    = dbus.ObjectPath("/org/gnome/keyring/Prompter")
)

// Keyring is gnome-keyring on a session bus of its own, with an empty login keyring that is unlocked. Nothing else can
// be started on that bus.
type Keyring struct {
	// DBusAddress is the session bus.
	DBusAddress string
	dir         string
	bus, daemon *Proc
	conn        *dbus.Conn
}

// busConfig is a session bus that starts no services.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" ` +
	`"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// StartKeyring starts the bus and gnome-keyring. Logs go to dir.
func StartKeyring(ctx context.Context, dir string) (*Keyring, error) {
	run, err := os.MkdirTemp("", "hs-ring-") // paths of sockets are at most 107 bytes long (unix(7))
	if err != nil {
		return nil, err
	}
	k := &Keyring{dir: run, DBusAddress: "unix:path=" + filepath.Join(run, "bus")}
	if err := k.start(ctx, dir); err != nil {
		k.Close()
		return nil, fmt.Errorf("%w (make setup installs what is missing)", err)
	}
	return k, nil
}

func (k *Keyring) start(ctx context.Context, dir string) error {
	config, password := filepath.Join(k.dir, "bus.conf"), filepath.Join(k.dir, "password")
	socket := filepath.Join(k.dir, "bus")
	for path, text := range map[string]string{config: fmt.Sprintf(busConfig, socket), password: keyringPassword} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	var err error
	k.bus, err = Start(ctx, Spec{
		Name: "keyring-dbus", Path: "dbus-daemon", Dir: dir,
		Args: []string{"--config-file=" + config, "--nofork", "--nopidfile"}, Ready: listens(socket),
	})
	if err != nil {
		return err
	}
	if k.conn, err = dbus.Connect(k.DBusAddress); err != nil {
		return err
	}
	k.daemon, err = Start(ctx, Spec{
		Name: "keyring", Path: "sh", Dir: dir,
		Args: []string{"-c", `exec gnome-keyring-daemon --foreground --unlock --components=secrets --control-directory="$1" <"$2"`,
			"sh", filepath.Join(k.dir, "control"), password},
		Env: []string{
			"DBUS_SESSION_BUS_ADDRESS=" + k.DBusAddress, "XDG_RUNTIME_DIR=" + k.dir,
			"XDG_DATA_HOME=" + filepath.Join(k.dir, "data"), "HOME=" + k.dir, "DISPLAY=", "WAYLAND_DISPLAY=",
		},
		Ready: k.hasLogin,
	})
	return err
}

// hasLogin returns nil once the login keyring is there.
func (k *Keyring) hasLogin(ctx context.Context) error {
	var collections []dbus.ObjectPath
	err := property(ctx, k.conn.Object(secretsName, secretsPath), "org.freedesktop.Secret.Service", "Collections",
		&collections)
	if err != nil {
		return err
	}
	for _, c := range collections {
		if c == loginCollection {
			return nil
		}
	}
	return fmt.Errorf("no login keyring among %v", collections)
}

// Lock locks the login keyring. To unlock it the daemon asks the desktop's prompter, which is not there.
func (k *Keyring) Lock(ctx context.Context) error {
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := k.conn.Object(secretsName, secretsPath).CallWithContext(ctx, "org.freedesktop.Secret.Service.Lock", 0,
		[]dbus.ObjectPath{loginCollection}).Store(&locked, &prompt)
	if err == nil && len(locked) != 1 {
		err = fmt.Errorf("the keyring does not lock: %v, %v", locked, prompt)
	}
	return err
}

// prompter is a desktop's prompter whose user does not type the password.
type prompter struct{}

// BeginPrompting is called over D-Bus (gcr's org.gnome.keyring.internal.Prompter).
func (prompter) BeginPrompting(dbus.ObjectPath) *dbus.Error { return nil }

// IgnorePrompts puts a prompter on the bus that nobody uses, so that whoever asks the locked keyring waits.
func (k *Keyring) IgnorePrompts() error {
	if err := k.conn.Export(prompter{}, prompterPath, "org.gnome.keyring.internal.Prompter"); err != nil {
		return err
	}
	reply, err := k.conn.RequestName(prompterName, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = fmt.Errorf("the name %s is taken", prompterName)
	}
	return err
}

// Stop halts the daemon, which then does not respond; Continue resumes it.
func (k *Keyring) Stop() error { return k.daemon.Signal(SigStop) }

// Continue undoes Stop.
func (k *Keyring) Continue() error { return k.daemon.Signal(SigCont) }

// Unlock opens the login keyring as logging in does, through the daemon's control socket: a byte for the credentials,
// then length, operation 1 and the password (gnome-keyring, daemon/control/gkd-control-codes.h).
func (k *Keyring) Unlock(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(k.dir, "control", "control"))
	if err != nil {
		return err
	}
	defer conn.Close()
	m := binary.BigEndian.AppendUint32([]byte{0}, uint32(12+len(keyringPassword)))
	m = binary.BigEndian.AppendUint32(m, 1)
	m = binary.BigEndian.AppendUint32(m, uint32(len(keyringPassword)))
	if _, err := conn.Write(append(m, keyringPassword...)); err != nil {
		return err
	}
	var answer [8]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if code := binary.BigEndian.Uint32(answer[4:]); code != 0 {
		return fmt.Errorf("the keyring does not unlock: code %d", code)
	}
	return nil
}

// Stored are the secrets in the login keyring that have the attribute "service", read without unlocking.
func (k *Keyring) Stored(ctx context.Context, service string) ([]string, error) {
	o := k.conn.Object(secretsName, secretsPath)
	var items, locked []dbus.ObjectPath
	err := o.CallWithContext(ctx, "org.freedesktop.Secret.Service.SearchItems", 0,
		map[string]string{"service": service}).Store(&items, &locked)
	if err != nil {
		return nil, err
	}
	if len(locked) > 0 {
		return nil, errors.New("the keyring is locked")
	}
	var none dbus.Variant
	var session dbus.ObjectPath
	if err := o.CallWithContext(ctx, "org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(
		&none, &session); err != nil {
		return nil, err
	}
	var out []string
	for _, item := range items {
		var s struct {
			Session           dbus.ObjectPath
			Parameters, Value []byte
			ContentType       string
		}
		err := k.conn.Object(secretsName, item).CallWithContext(ctx, "org.freedesktop.Secret.Item.GetSecret", 0,
			session).Store(&s)
		if err != nil {
			return nil, err
		}
		out = append(out, strings.TrimSpace(string(s.Value)))
	}
	return out, nil
}

// Close ends the daemon and the bus. It may be called twice.
func (k *Keyring) Close() error {
	if k.daemon != nil {
		_ = k.Continue()
		_ = k.daemon.Close()
	}
	if k.conn != nil {
		_ = k.conn.Close()
	}
	if k.bus != nil {
		_ = k.bus.Close()
	}
	return os.RemoveAll(k.dir)
}
