package token

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"
)

// The Secret Service API's names (specifications.freedesktop.org/secret-service).
const (
	secretName = "org.freedesktop.secrets"
	secretPath = dbus.ObjectPath("/org/freedesktop/secrets")
	secretFace = "org.freedesktop.Secret."
	loginPath  = secretPath + "/collection/login"
)

// promptWait bounds how long a prompt for the keyring's password stays open, promptLook how often it is looked whether
// the keyring was unlocked in another way.
const (
	promptWait = 2 * time.Minute
	promptLook = 250 * time.Millisecond
)

// openKeyring is an error where the keyring is locked; nobody is asked to open it.
func openKeyring() error {
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	defer conn.Close()
	locked, err := isLocked(conn.Object(secretName, loginPath))
	if err == nil && locked {
		err = errKeyringLocked
	}
	return err
}

// isLocked is whether the login keyring is there and locked; the error is of a connection that is gone.
func isLocked(login dbus.BusObject) (bool, error) {
	locked, err := login.GetProperty(secretFace + "Collection.Locked")
	if err != nil && errors.Is(err, dbus.ErrClosed) {
		return false, err
	}
	is, ok := locked.Value().(bool)
	return err == nil && ok && is, nil
}

// unlockKeyring has the user asked for the password of a locked keyring. The keyring's library would ask as well, but
// wait without end for a prompt that nobody sees.
func unlockKeyring() error {
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	defer conn.Close()
	service := conn.Object(secretName, secretPath)
	login := conn.Object(secretName, loginPath)
	if locked, err := isLocked(login); err != nil || !locked {
		return err // no login keyring, or an open one: the library goes on from here
	}
	ctx, cancel := context.WithTimeout(context.Background(), promptWait)
	defer cancel()
	var unlocked []dbus.ObjectPath
	var path dbus.ObjectPath
	if err := service.CallWithContext(ctx, secretFace+"Service.Unlock", 0, []dbus.ObjectPath{loginPath}).Store(
		&unlocked, &path); err != nil {
		return err
	}
	if path == "/" {
		return nil
	}
	return awaitPrompt(ctx, conn, path, login)
}

// awaitPrompt shows a prompt until it is answered, or the keyring is open or gone. It never dismisses one, for
// gnome-keyring 42 aborts when that happens to a keyring that was opened in the meantime.
func awaitPrompt(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, login dbus.BusObject) error {
	answered := make(chan *dbus.Signal, 1)
	conn.Signal(answered)
	if err := conn.AddMatchSignal(dbus.WithMatchObjectPath(path), dbus.WithMatchMember("Completed")); err != nil {
		return err
	}
	prompt := conn.Object(secretName, path)
	if err := prompt.CallWithContext(ctx, secretFace+"Prompt.Prompt", 0, "").Err; err != nil {
		return err
	}
	look := time.NewTicker(promptLook)
	defer look.Stop()
	for {
		last := false
		select {
		case <-answered:
			last = true
		case <-ctx.Done():
			return errKeyringLocked
		case <-look.C:
		}
		locked, err := login.GetProperty(secretFace + "Collection.Locked")
		if err != nil {
			return err
		}
		if is, _ := locked.Value().(bool); !is {
			return nil
		}
		if last {
			return errKeyringLocked
		}
	}
}
