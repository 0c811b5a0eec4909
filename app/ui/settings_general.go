package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
)

// generalPage is the app itself.
type generalPage struct {
	fields
	look  *widget.Select
	login *widget.Check
}

func newGeneralPage(s *settings) *generalPage {
	a := &generalPage{fields: fields{s: s}}
	f := &a.fields
	a.look = pick(f, "app.theme", config.Themes, []string{lang.L("System"), lang.L("Light"), lang.L("Dark")},
		func(c *config.Config) *config.Theme { return &c.App.Theme })
	values, names := languages()
	pick(f, "app.language", values, names, func(c *config.Config) *string { return &c.App.Language })
	a.login = f.check(config.StartAtLoginKey, lang.L("Startup"), lang.L("Start at login"),
		func(c *config.Config) *bool { return &c.App.StartAtLogin })
	f.note(lang.L("Hindsight then starts in the tray."))
	f.check("app.notifications", lang.L("Notifications"), lang.L("Show notifications (errors are always shown)"),
		func(c *config.Config) *bool { return &c.App.Notifications })
	f.check("app.save_sound", lang.L("Sound"), lang.L("Play a sound when a clip is saved"),
		func(c *config.Config) *bool { return &c.App.SaveSound })
	f.check("app.state_sounds", "", lang.L("Play a sound when capture starts or stops"),
		func(c *config.Config) *bool { return &c.App.StateSounds })
	f.card(lang.L("Hindsight"))
	return a
}

// languages are the values of the setting and their names, each in its own language.
func languages() (tags, names []string) {
	tags, names = []string{""}, []string{lang.L("System")}
	for _, tag := range config.Languages() {
		tags, names = append(tags, tag), append(names, locale.Name(tag))
	}
	return tags, names
}

func (a *generalPage) content() fyne.CanvasObject { return a.root }
