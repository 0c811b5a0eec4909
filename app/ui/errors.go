package ui

import (
	"errors"
	"regexp"
	"strings"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// settingNames are the settings as the page calls them. What is missing is called by the last part of its key.
var settingNames = map[string]string{
	"sound.desktop.gain_db": "Desktop volume", "sound.microphone.gain_db": "Microphone volume",
	"video.source.kind": "Film", "video.source.monitor": "Monitor", "video.source.window_class": "Window",
	"video.source.x": "Left", "video.source.y": "Top", "video.source.width": "Width", "video.source.height": "Height",
	"video.frame_rate": "Frames a second", "video.height": "Size", "video.bitrate_kbps": "Bitrate (kb/s)",
	"video.constant_quality": "Rate control", "video.way": "Way to film",
	"replay.seconds": "Length (seconds)", "replay.folder": "Folder for clips", "replay.when_locked": "Screen locked",
	"clips.name": "File name", "clips.quota_gb": "Keep at most (GB)", "clips.screenshot": "Screenshots",
	"sharing.backend_url": "Backend", "sharing.room": "Room", "sharing.stream_quality": "Stream quality",
	"hotkeys.save": "Save the replay", "hotkeys.share": "Start or stop sharing", "hotkeys.mute": "Mute the microphone",
	"hotkeys.talk": "Push to talk", "hotkeys.record": "Start or stop recording", "hotkeys.mark": "Mark the moment",
	"hotkeys.screenshot": "Screenshot", "app.theme": "Appearance",
}

var (
	settingKey = regexp.MustCompile(`\b(sound|video|replay|clips|sharing|hotkeys|app)(\.[a-z_]+(\[\d+\])?)+`)
	inList     = regexp.MustCompile(`^hotkeys\.saves\[\d+\]\.([a-z]+)$`)
)

func settingName(key string) string {
	if name, ok := settingNames[key]; ok {
		return name
	}
	if part := inList.FindStringSubmatch(key); part != nil {
		return map[string]string{"keys": "Save another length", "seconds": "Save another length, the last", "after": "Save another length, the next"}[part[1]]
	}
	return strings.ReplaceAll(key[strings.LastIndexByte(key, '.')+1:], "_", " ")
}

// wording is an error as the window shows it. A setting has the name that it has on the page.
func wording(err error) string {
	var p config.Problem
	if !errors.As(err, &p) {
		return session.Plain(err)
	}
	if other, taken := strings.CutPrefix(p.Allowed, "different from "); taken {
		return session.Sentence(settingName(p.Key) + ": " + strings.Trim(p.Value, `"`) + " is already used for “" + settingName(other) + "”")
	}
	allowed := settingKey.ReplaceAllStringFunc(p.Allowed, settingName)
	return session.Sentence(settingName(p.Key) + " must be " + allowed)
}
