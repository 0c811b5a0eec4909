package stack

import (
	"os"
	"path/filepath"
)

// xorgConfig is an X server without hardware whose outputs can be switched and set to other modes (dummy(4)). It takes
// no input devices and no console.
const xorgConfig = `Section "ServerFlags"
	Option "AutoAddDevices" "false"
	Option "AutoEnableDevices" "false"
	Option "AllowMouseOpenFail" "true"
EndSection
Section "Device"
	Identifier "none"
	Driver "dummy"
	VideoRam 64000
EndSection
Section "Monitor"
	Identifier "any"
	HorizSync 5.0-1000.0
	VertRefresh 5.0-200.0
EndSection
Section "Screen"
	Identifier "screen"
	Device "none"
	Monitor "any"
	DefaultDepth 24
	SubSection "Display"
		Depth 24
		Modes "1280x720" "1024x768" "800x600" "640x480"
	EndSubSection
EndSection
`

// xorgScript starts the server; its last argument is the file for the display's number.
const xorgScript = `exec /usr/lib/xorg/Xorg -displayfd 3 -nolisten tcp -noreset -novtswitch -config "$1" -logfile "$2" 3>"$3"`

// xorgArgs are what a shell needs to run Xorg with outputs that can be plugged.
func xorgArgs(dir, number string) ([]string, error) {
	config := filepath.Join(dir, "xorg.conf")
	if err := os.WriteFile(config, []byte(xorgConfig), 0o600); err != nil {
		return nil, err
	}
	return []string{"-c", xorgScript, "sh", config, filepath.Join(dir, "xorg.server.log"), number}, nil
}
