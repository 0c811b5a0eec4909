// Package desktop asks the user's desktop for small things: to show a notification with buttons, open a file, show it
// in its folder, play a short sound, and to say whether there is a tray. No Fyne, no cgo.
//
// A Notifier owns one D-Bus connection and two goroutines, one that shows what is queued and one that waits for pressed
// buttons; Close ends them and waits. An Away owns two connections and works in its caller's goroutine. A Tray owns a
// connection and a goroutine that reads its signals. The other functions start a program or make one call and keep
// nothing.
package desktop

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/godbus/dbus/v5"
)

const callWait = 3 * time.Second

// NoAutolaunch keeps every library of this process from starting a session bus where there is none: it would stay
// behind. It is called before anything looks for the bus.
func NoAutolaunch() error {
	if runtime.GOOS != "linux" || HasBus() {
		return nil
	}
	return os.Setenv("DBUS_SESSION_BUS_ADDRESS", noBus)
}

// noBus is an address that no transport understands.
const noBus = "disabled:"

// HasBus is whether there is a session bus: an address, or the socket where libraries look without one.
func HasBus() bool {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address != noBus && address != "autolaunch:"
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	_, err := os.Stat(filepath.Join(dir, "bus"))
	return dir != "" && err == nil
}

// sessionBus looks before it connects: the client would start its own bus where there is none.
func sessionBus() (*dbus.Conn, error) {
	if !HasBus() {
		return nil, errors.New("there is no session bus")
	}
	return dbus.ConnectSessionBus()
}

// Open opens a file or folder with the program the user has for it.
func Open(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s no longer exists", path)
	}
	switch runtime.GOOS {
	case "windows":
		err = launch("rundll32", "url.dll,FileProtocolHandler", path)
	case "darwin":
		err = launch("open", path)
	default:
		err = launch("xdg-open", path)
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("nothing can open %s: install xdg-utils", path)
	}
	if err != nil {
		return fmt.Errorf("no program opened %s: install %s, or set one as the default", path, opener(info.IsDir(), path))
	}
	return nil
}

// OpenURL opens a page in the user's browser.
func OpenURL(page string) error {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return errors.New("the address is not that of a page")
	}
	switch runtime.GOOS {
	case "windows":
		err = launch("rundll32", "url.dll,FileProtocolHandler", u.String())
	case "darwin":
		err = launch("open", u.String())
	default:
		err = launch("xdg-open", u.String())
	}
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("nothing can open a page: install xdg-utils")
	}
	if err != nil {
		return errors.New("no program opened the page: install a browser, or set one as the default")
	}
	return nil
}

// opener is the kind of program that opens a path.
func opener(folder bool, path string) string {
	switch {
	case folder:
		return "a file manager"
	case filepath.Ext(path) == ".mp4":
		return "a video player (mpv or VLC, for example)"
	}
	return "a program for " + filepath.Ext(path) + " files"
}

// Reveal shows a file in its folder, selected where the file manager can.
func Reveal(path string) error {
	if runtime.GOOS == "linux" {
		if conn, err := sessionBus(); err == nil {
			defer conn.Close()
			ctx, cancel := context.WithTimeout(context.Background(), callWait)
			defer cancel()
			u := url.URL{Scheme: "file", Path: path}
			call := conn.Object("org.freedesktop.FileManager1", "/org/freedesktop/FileManager1").CallWithContext(ctx,
				"org.freedesktop.FileManager1.ShowItems", 0, []string{u.String()}, "")
			if call.Err == nil {
				return nil
			}
		}
	}
	return Open(filepath.Dir(path))
}

// PlaySound plays a WAV file with the first player that is there. It waits until the sound has ended.
func PlaySound(ctx context.Context, wav []byte) error {
	f, err := os.CreateTemp("", "hindsight-*.wav")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(wav)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	for _, player := range []string{"pw-play", "paplay", "aplay"} {
		if path, err := exec.LookPath(player); err == nil {
			return exec.CommandContext(ctx, path, f.Name()).Run() // #nosec G204 -- one of three players, a file of ours
		}
	}
	return errors.New("no sound player is installed (pw-play, paplay or aplay)")
}

// openWait is how long a program that opens something is watched. One that finds nothing to open it with ends within
// that time, and one that shows it in its own process keeps running.
const openWait = 5 * time.Second

// launch starts a program and returns its error if it fails within openWait. A goroutine waits for it after that, so
// that it does not stay as a zombie.
func launch(name string, args ...string) error {
	c := exec.Command(name, args...)
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	timer := time.NewTimer(openWait)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return nil
	}
}
