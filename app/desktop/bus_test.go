package desktop

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestNobodyStartsASessionBus(t *testing.T) {
	// What the client would start leaves a mark.
	dir := t.TempDir()
	mark := filepath.Join(dir, "started")
	script := "#!/bin/sh\ntouch " + mark + "\nexit 1\n"
	err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700) // #nosec G306 -- a program
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if err := NoAutolaunch(); err != nil {
		t.Fatal(err)
	}
	if conn, err := dbus.ConnectSessionBus(); err == nil {
		conn.Close()
		t.Error("there is a bus")
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a session bus was started")
	}
	tray := OpenTray()
	if tray.Here() || tray.Await(t.Context(), time.Hour) {
		t.Error("there is a tray")
	}
	tray.Close()
}
