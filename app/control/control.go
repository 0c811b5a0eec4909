// Package control lets one app run per user and lets others talk to it: a unix socket only the user can open, speaking
// one JSON object a line. A request is {"command":"save","seconds":30}; the response is {"ok":true,"data":…} or
// {"ok":false,"error":"a message"}. A connection may carry any number of requests, one after the other.
//
// The first app holds a lock file for its whole life; the kernel drops the lock when the process ends, however it ends.
// A Server owns one goroutine that accepts and one for each connection; Close ends them and waits.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
)

// ErrNotRunning is what Call returns when no app listens.
var ErrNotRunning = errors.New("hindsight is not running; start it with: hindsight")

// ErrRunning is what Listen returns when another app of this user already runs.
var ErrRunning = errors.New("hindsight is already running")

// The commands.
const (
	Status  = "status"     // → session.Snapshot
	Save    = "save"       // Seconds or All, After → session.SaveRecord
	Share   = "share"      // On or Toggle
	Replay  = "replay"     // On or Toggle
	Mute    = "mute"       // Source, On or Toggle
	Pause   = "pause"      // On pauses, else it resumes → PauseAnswer
	Talk    = "talk"       // On
	Record  = "record"     // On or Toggle
	Mark    = "mark"       // Text
	Shot    = "screenshot" // → ShotAnswer
	Link    = "link"       // Path, empty for the newest clip → LinkAnswer
	Upload  = "upload"     // Path → UploadAnswer
	Links   = "links"      // Path, a file or the id of a clip on the server, empty for all → []LinkInfo
	Unlink  = "unlink"     // Text, the id of a link
	There   = "server"     // → []ServerClip
	Team    = "team"       // On opens the page → TeamAnswer
	Fetch   = "download"   // Text, the id of a clip on the server → UploadAnswer
	Queue   = "transfers"  // Text, the id of one to try again (On) or cancel, empty for none → []transfers.Item
	Choose  = "choose-screen"
	List    = "settings"       // → []config.Setting
	Set     = "set"            // Set → config.Result, also beside an error
	Token   = "set-token"      // Text, empty to remove it → config.Result, also beside an error
	Phrase  = "set-passphrase" // as Token, for the passphrase of end-to-end encryption
	Invite  = "invitation"     // Text, the link; On accepts it, else the window asks → InvitationAnswer
	Storage = "storage"        // → storage.Usage
	Move    = "move-clips"     // Path; clips begin to move there
	Moving  = "moving"         // → storage.Usage with Move alone
	Unmove  = "cancel-move"    // undoes it
	Show    = "show"           // Text, one of Pages, empty for the page that is shown → ShowAnswer
	Quit    = "quit"
)

// The commands about links with which viewers can rewind what is shared now.
const (
	WatchLink   = "watch-link"   // Seconds that it works, Text, an api.ClipPolicy → api.WatchLink
	WatchLinks  = "watch-links"  // → []api.WatchLink
	UnwatchLink = "unwatch-link" // Text, the id of a link
)

// InvitationAnswer is what came of an invitation that was accepted.
type InvitationAnswer struct {
	Server   string `json:"server"`
	Identity string `json:"identity"`
}

// Request is one command with its arguments.
type Request struct {
	Command string  `json:"command"`
	Seconds float64 `json:"seconds,omitempty"`
	On      bool    `json:"on,omitempty"`
	Source  string  `json:"source,omitempty"`
	Toggle  bool    `json:"toggle,omitempty"`
	All     bool    `json:"all,omitempty"`
	After   float64 `json:"after,omitempty"`
	Text    string  `json:"text,omitempty"`
	Path    string  `json:"path,omitempty"`
	// Set are settings; where one value is wrong, none is changed.
	Set []config.Assignment `json:"set,omitempty"`
}

// InvalidError is about a value that cannot be used; nothing was changed.
type InvalidError struct{ Err error }

// Answer is what a Handler returns for a Result: the result, and an error where it is not OK.
func Answer(r config.Result) (any, error) {
	err := r.Err()
	if err != nil && r.Invalid {
		err = &InvalidError{err}
	}
	return r, err
}

// Error is the reason.
func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *InvalidError) Unwrap() error { return e.Err }

// PauseAnswer is whether nothing is captured now, and why: also on a locked screen nothing is.
type PauseAnswer struct {
	Paused bool   `json:"paused"`
	By     string `json:"paused_by,omitempty"`
}

// ShotAnswer is where a screenshot is.
type ShotAnswer struct {
	Path string `json:"path"`
}

// LinkAnswer is a share link to the server's copy of a clip.
type LinkAnswer struct {
	Path string `json:"path"`
	URL  string `json:"url"`
}

// UploadAnswer is a clip that is here and on the server.
type UploadAnswer struct {
	Path   string `json:"path"`
	ClipID string `json:"clip_id"`
}

// LinkInfo is a share link without its URL, which only who made it has seen.
type LinkInfo struct {
	ID     string `json:"id"`
	ClipID string `json:"clip_id"`
	// Name is what the clip is called, where that is known, and Path where it is here.
	Name      string    `json:"name,omitempty"`
	Path      string    `json:"path,omitempty"`
	MadeBy    string    `json:"made_by,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// TeamAnswer is a code that signs a browser in at the team's page, once; URL has both.
type TeamAnswer struct {
	Page      string    `json:"page"`
	Code      string    `json:"code"`
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// ServerClip is a clip on the server. Path is that of its file, where it is here as well.
type ServerClip struct {
	ID      string    `json:"id"`
	Owner   string    `json:"owner"`
	Title   string    `json:"title,omitempty"`
	Room    string    `json:"room,omitempty"`
	Created time.Time `json:"created"`
	Seconds float64   `json:"seconds"`
	Bytes   int64     `json:"bytes"`
	Path    string    `json:"path,omitempty"`
}

// Response is the response.
type Response struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Invalid says that the error is an InvalidError.
	Invalid bool            `json:"invalid,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Dir is the folder of socket and lock: hindsight in XDG_RUNTIME_DIR, or in the temporary folder with the user's id.
// HINDSIGHT_RUNTIME_DIR overrides it.
func Dir() string {
	if d := os.Getenv("HINDSIGHT_RUNTIME_DIR"); d != "" {
		return d
	}
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "hindsight")
	}
	return filepath.Join(os.TempDir(), "hindsight-"+strconv.Itoa(os.Getuid()))
}

func socketPath(dir string) string { return filepath.Join(dir, "control.sock") }

// prepare makes the folder and refuses one that others can write to.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder for the control socket could not be made: %w", err)
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("the folder for the control socket could not be read: %w", err)
	}
	if !st.IsDir() || !private(st) {
		return notYours(dir)
	}
	return nil
}

func notYours(dir string) error {
	return fmt.Errorf("the folder %s is not yours alone; remove it or set XDG_RUNTIME_DIR", dir)
}
