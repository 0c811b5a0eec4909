package ui

import (
	"errors"
	"regexp"
	"strings"

	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
)

// tokenKey stands for the access token, which is not in the settings file.
const tokenKey = config.TokenKey

// settingNames are the settings as the window calls them. What is missing is called by the last part of its key.
func settingNames() map[string]string {
	return map[string]string{
		"sound.desktop.gain_db": lang.L("Desktop volume"), "sound.microphone.gain_db": lang.L("Microphone volume"),
		"sound.desktop.device": lang.L("Output device"), "sound.microphone.device": lang.L("Microphone"),
		"sound.desktop.enabled": lang.L("Record desktop audio"), "sound.microphone.enabled": lang.L("Record microphone"),
		"sound.desktop.muted": lang.L("Mute desktop audio"), "sound.microphone.muted": lang.L("Mute microphone"),
		"sound.separate_tracks": lang.L("Separate audio tracks"), "sound.suppress_noise": lang.L("Noise suppression"),
		"sound.mono_microphone": lang.L("Mono microphone"), "sound.echo_cancellation": lang.L("Echo cancellation"),
		"video.capture_method": lang.L("Capture method"), "video.source.kind": lang.L("Source"),
		"video.source.monitor": lang.L("Monitor"), "video.source.window_class": lang.L("Window"),
		"video.source.window_title": lang.L("Window"), "video.source.x": lang.L("Left"), "video.source.y": lang.L("Top"),
		"video.source.width": lang.L("Width"), "video.source.height": lang.L("Height"),
		"video.frame_rate": lang.L("Frame rate (FPS)"), "video.height": lang.L("Resolution"),
		"video.quality": lang.L("Encoder preset"), "video.constant_quality": lang.L("Rate control"),
		"video.bitrate_kbps": lang.L("Bitrate (kb/s)"), "video.encoder": lang.L("Encoder"),
		"video.cursor": lang.L("Capture cursor"), "video.follow_size": lang.L("Follow the window's size"),
		"replay.seconds": lang.L("Length (seconds)"), "replay.folder": lang.L("Save clips to"),
		"replay.when_locked": lang.L("Screen locked"), "replay.at_launch": lang.L("Start replay buffer on launch"),
		"replay.keep_after_crash": lang.L("Crash recovery"),
		"clips.name":              lang.L("File name"), "clips.quota_gb": lang.L("Storage limit (GB)"),
		"clips.upload_kbps": lang.L("Upload limit (kb/s)"),
		"clips.screenshot":  lang.L("Screenshots"), "clips.no_overlap": lang.L("Avoid overlap"),
		"clips.poster":        lang.L("Save thumbnail next to clip"),
		"sharing.backend_url": lang.L("Server URL"), tokenKey: lang.L("Access token"), "sharing.room": lang.L("Room"),
		config.EncryptKey: lang.L("Encrypt what you share"), config.PassphraseKey: lang.L("Passphrase"),
		"sharing.stream_quality": lang.L("Stream quality"), "sharing.at_launch": lang.L("Start sharing on launch"),
		"sharing.link_saved":   lang.L("Upload each saved clip and copy its link"),
		"sharing.viewer_clips": lang.L("Who else may clip"), "sharing.viewer_clip_from": lang.L("Clips of viewers"),
		"sharing.tell_room": lang.L("Tell the room of clips"),
		config.AllowHTTPKey: lang.L("Allow http:// to another computer"),
		"hotkeys.save":      lang.L("Save replay"), "hotkeys.share": lang.L("Start or stop sharing"),
		"hotkeys.mute": lang.L("Mute microphone"), "hotkeys.talk": lang.L("Push-to-talk"),
		"hotkeys.record": lang.L("Start or stop recording"), "hotkeys.mark": lang.L("Add marker"),
		"hotkeys.screenshot": lang.L("Take screenshot"), "app.theme": lang.L("Appearance"),
		"app.language":      lang.L("Language"),
		"app.notifications": lang.L("Notifications"), "app.save_sound": lang.L("Sound"),
		"app.state_sounds":     lang.L("Sound"),
		config.StartAtLoginKey: lang.L("Start at login"),
	}
}

var inList = regexp.MustCompile(`^hotkeys\.saves\[(\d+)\]\.([a-z]+)$`)

func settingName(key string) string {
	if name, ok := settingNames()[key]; ok {
		return name
	}
	if part := inList.FindStringSubmatch(key); part != nil {
		switch name := lang.L("Save another length"); part[2] {
		case "seconds":
			return lang.L("{{.Setting}}, last", map[string]any{"Setting": name})
		case "after":
			return lang.L("{{.Setting}}, next", map[string]any{"Setting": name})
		default:
			return name
		}
	}
	return strings.ReplaceAll(key[strings.LastIndexByte(key, '.')+1:], "_", " ")
}

// wording is an error as the window shows it. A setting has the name that it has on the page.
func wording(err error) string {
	var p config.Problem
	if !errors.As(err, &p) {
		return locale.Message(session.Plain(err))
	}
	value := strings.Trim(p.Value, `"`)
	if other, taken := strings.CutPrefix(p.Allowed, "different from "); taken {
		return lang.L("{{.Keys}} is already used for {{.Purpose}}.", map[string]any{"Keys": keyNames(value),
			"Purpose": settingName(other)})
	}
	if p.Key == "video.source.kind" { // it lacks what it is about
		switch config.SourceKind(value) {
		case config.OneMonitor:
			return lang.L("Choose a monitor.")
		case config.OneWindow:
			return lang.L("Choose a window.")
		case config.Rectangle:
			return lang.L("The region must be at least 16 pixels wide and high.")
		}
	}
	return lang.L("{{.Setting}} must be {{.Allowed}}.", map[string]any{"Setting": capital(settingName(p.Key)),
		"Allowed": allowed(p)})
}

// allowed is what a setting may be. A list of values has its last two joined by a word.
func allowed(p config.Problem) string {
	text := locale.Message(p.Allowed)
	if i := strings.LastIndex(text, " or "); i >= 0 && text == p.Allowed {
		text = text[:i] + " " + lang.L("or") + text[i+len(" or"):]
	}
	return text
}

// capital begins with a capital letter, as what has no name here may not.
func capital(name string) string { return strings.TrimSuffix(session.Sentence(name), ".") }

// refusal is why a field was not changed, as the window shows it.
func refusal(f config.FieldResult) string {
	if p, wrong := f.Problem(); wrong {
		return wording(p)
	}
	return locale.Message(session.Sentence(f.Reason))
}

// Explain says what is wrong with a setting that was read at the start, and what happens instead.
func Explain(p config.Problem) string {
	instead := " " + lang.L("The default is used instead.")
	data := map[string]any{"Name": p.Key, "Value": locale.Message(p.Value), "Allowed": allowed(p)}
	switch {
	case p.Key == "the settings file":
		return lang.L("The settings file is {{.Value}}. What can't be read in it has its default.", data)
	case strings.HasPrefix(p.Key, "HINDSIGHT_"):
		return lang.L("The environment variable {{.Name}} is {{.Value}}; it must be {{.Allowed}}. It is ignored.", data)
	case p.Value == "not a setting":
		return lang.L("The settings file names “{{.Name}}”, which is not a setting. It is ignored.", data)
	case strings.HasPrefix(p.Allowed, "different from "), p.Key == "video.source.kind":
		return wording(p) + instead
	}
	data["Name"] = settingName(p.Key)
	return lang.L("{{.Name}} is {{.Value}}; it must be {{.Allowed}}.", data) + instead
}
