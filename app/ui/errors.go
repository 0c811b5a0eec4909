package ui

import (
	"errors"
	"regexp"
	"strings"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// tokenKey stands for the access token, which is not in the settings file.
const tokenKey = config.TokenKey

// settingNames are the settings as the window calls them. What is missing is called by the last part of its key.
var settingNames = map[string]string{
	"sound.desktop.gain_db": "Desktop volume", "sound.microphone.gain_db": "Microphone volume",
	"video.capture_method": "Capture method", "video.source.kind": "Source", "video.source.monitor": "Monitor",
	"video.source.window_class": "Window", "video.source.x": "Left", "video.source.y": "Top",
	"video.source.width": "Width", "video.source.height": "Height",
	"video.frame_rate": "Frame rate (FPS)", "video.height": "Resolution", "video.quality": "Encoder preset",
	"video.constant_quality": "Rate control", "video.bitrate_kbps": "Bitrate (kb/s)",
	"replay.seconds": "Length (seconds)", "replay.folder": "Save clips to", "replay.when_locked": "Screen locked",
	"clips.name": "File name", "clips.quota_gb": "Storage limit (GB)", "clips.screenshot": "Screenshots",
	"sharing.backend_url": "Server URL", tokenKey: "Access token", "sharing.room": "Room",
	"sharing.stream_quality": "Stream quality",
	"hotkeys.save":           "Save replay", "hotkeys.share": "Start or stop sharing", "hotkeys.mute": "Mute microphone",
	"hotkeys.talk": "Push-to-talk", "hotkeys.record": "Start or stop recording", "hotkeys.mark": "Add marker",
	"hotkeys.screenshot": "Take screenshot", "app.theme": "Appearance", "app.start_at_login": "Start at login",
}

var inList = regexp.MustCompile(`^hotkeys\.saves\[(\d+)\]\.([a-z]+)$`)

func settingName(key string) string {
	if name, ok := settingNames[key]; ok {
		return name
	}
	if part := inList.FindStringSubmatch(key); part != nil {
		const name = "Save another length"
		return map[string]string{"keys": name, "seconds": name + ", last", "after": name + ", next"}[part[2]]
	}
	return strings.ReplaceAll(key[strings.LastIndexByte(key, '.')+1:], "_", " ")
}

// wording is an error as the window shows it. A setting has the name that it has on the page.
func wording(err error) string {
	var p config.Problem
	if !errors.As(err, &p) {
		return session.Plain(err)
	}
	value := strings.Trim(p.Value, `"`)
	if other, taken := strings.CutPrefix(p.Allowed, "different from "); taken {
		return session.Sentence(value + " is already used for " + settingName(other))
	}
	if p.Key == "video.source.kind" { // it lacks what it is about
		switch config.SourceKind(value) {
		case config.OneMonitor:
			return "Choose a monitor."
		case config.OneWindow:
			return "Choose a window."
		case config.Rectangle:
			return "The region must be at least 16 pixels wide and high."
		}
	}
	return session.Sentence(settingName(p.Key) + " must be " + p.Allowed)
}

// refusal is why a field was not changed, as the window shows it.
func refusal(f config.FieldResult) string {
	if p, wrong := f.Problem(); wrong {
		return wording(p)
	}
	return session.Sentence(f.Reason)
}

// Explain says what is wrong with a setting that was read at the start, and what happens instead.
func Explain(p config.Problem) string {
	const instead = " The default is used instead."
	switch {
	case p.Key == "the settings file":
		return session.Sentence("The settings file is "+p.Value) + " What can't be read in it has its default."
	case strings.HasPrefix(p.Key, "HINDSIGHT_"):
		return "The environment variable " + p.Key + " is " + p.Value + "; it must be " + p.Allowed + ". It is ignored."
	case p.Value == "not a setting":
		return "The settings file names “" + p.Key + "”, which is not a setting. It is ignored."
	case strings.HasPrefix(p.Allowed, "different from "), p.Key == "video.source.kind":
		return wording(p) + instead
	}
	return settingName(p.Key) + " is " + p.Value + "; it must be " + p.Allowed + "." + instead
}
