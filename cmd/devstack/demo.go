package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/publish/client"
)

type demoCommand struct {
	Out     string `help:"Folder that keeps clips, screenshot and logs." type:"path" placeholder:"DIR"`
	Seconds int    `help:"Length of the replay in seconds." default:"15"`
}

// errNotAllHolds ends the demo when a check failed: the table has said which.
var errNotAllHolds = errors.New("not all of it holds; the table says what does not")

// Run saves one replay the way a user does and checks the result.
func (d *demoCommand) Run(ctx context.Context) error {
	if d.Seconds < 5 || d.Seconds > 600 {
		return fmt.Errorf("--seconds is %d; it must be 5 to 600", d.Seconds)
	}
	folder, keep := d.Out, d.Out != ""
	if !keep {
		temp, err := os.MkdirTemp("", "hs-demo-")
		if err != nil {
			return err
		}
		folder = temp
		defer os.RemoveAll(temp)
	}
	w, err := startWorld(ctx, worldOptions{Folder: folder, Seconds: d.Seconds, Virtual: true, Fresh: true, Say: os.Stdout})
	if err != nil {
		return err
	}
	defer w.close()
	play := &demo{w: w, seconds: d.Seconds, report: report{}}
	if err := play.run(ctx); err != nil {
		play.fail("demo", err)
	}
	w.say("stopping everything")
	w.close()
	play.print(os.Stdout)
	if err := play.result(os.Stdout); err != nil {
		return err
	}
	if !play.report.OK {
		return errNotAllHolds
	}
	return nil
}

// demo is one run: press the key, wait for both clips, look at them.
type demo struct {
	w       *world
	seconds int
	// serverMS is the time from the press until the app knew of the server's clip, in ms.
	serverMS float64
	rows     []row
	report   report
}

// report is the last line.
type report struct {
	Local  *clipReport   `json:"local"`
	Server *clipReport   `json:"server"`
	Egress *egressReport `json:"egress"`
	OK     bool          `json:"ok"`
}

// tries is how many replays are taken at most. The next one is for a virtual machine whose host gave the processors to
// others while the one before was recorded: nothing can keep step with real time then.
const tries = 4

func (d *demo) run(ctx context.Context) error {
	d.w.say("waiting until it is live")
	if err := d.live(ctx); err != nil {
		return err
	}
	for try := 1; ; try++ {
		d.rows = nil
		from := processorTime()
		record, err := d.save(ctx)
		if err != nil {
			return err
		}
		_, stolen := processorTime().since(from)
		if err := d.look(ctx, record); err != nil {
			return err
		}
		if d.allHolds() || stolen <= mostStolen || try == tries {
			break
		}
		d.w.say(fmt.Sprintf("this replay does not count: %.0f %% of the processors' time were taken away by the machine's "+
			"host; taking another", 100*stolen))
	}
	if err := d.show(ctx); err != nil {
		d.fail("screenshot", err)
	}
	d.checkStatus(ctx)
	return nil
}

// look holds both clips to what was promised. Decoding takes all of the machine.
func (d *demo) look(ctx context.Context, record *session.SaveRecord) (err error) {
	if d.report.Egress, err = findEgress(ctx, d.w); err != nil {
		return err
	}
	server := filepath.Join(d.w.clips(), "server.mp4")
	if err := d.download(ctx, record.ClipID, server); err != nil {
		return err
	}
	if d.report.Local, err = d.examine(ctx, localBars(d.seconds), record.Clip.Path); err != nil {
		return err
	}
	d.report.Local.SaveMS = record.Clip.SaveMS
	if d.report.Server, err = d.examine(ctx, serverBars(d.seconds), server); err != nil {
		return err
	}
	d.report.Server.SaveMS = d.serverMS
	d.check("egress", "type and status", d.report.Egress.Type == "track_composite" &&
		d.report.Egress.Status == "EGRESS_ACTIVE",
		"track_composite, EGRESS_ACTIVE", d.report.Egress.Type+", "+d.report.Egress.Status)
	return nil
}

// save waits until both buffers are full, presses the key and waits for both clips.
func (d *demo) save(ctx context.Context) (*session.SaveRecord, error) {
	app := d.w.app
	if err := d.fill(ctx); err != nil {
		return nil, err
	}
	d.w.say("pressing Alt+F10")
	before := time.Now()
	if err := d.w.desktop.Press(ctx, "alt+F10"); err != nil {
		return nil, err
	}
	s, err := app.await(ctx, 90*time.Second, func(s session.Snapshot) string {
		switch {
		case s.LastSave == nil || s.LastSave.PressedAt.Before(before):
			return "the key saved nothing"
		case s.LastSave.Local != "saved" && s.LastSave.Local != "failed":
			return "the local clip is not there: " + s.LastSave.Local.String()
		case s.LastSave.Server != "saved" && s.LastSave.Server != "failed":
			return "the server's clip is not there: " + s.LastSave.Server.String()
		}
		return ""
	})
	switch {
	case err != nil:
		return nil, err
	case s.LastSave.Local == "failed":
		return nil, fmt.Errorf("the local clip: %s", s.LastSave.LocalError)
	case s.LastSave.Server == "failed":
		return nil, fmt.Errorf("the server's clip: %s", s.LastSave.ServerError)
	}
	d.serverMS = float64(time.Since(s.LastSave.PressedAt).Milliseconds())
	return s.LastSave, nil
}

func (d *demo) live(ctx context.Context) error {
	_, err := d.w.app.await(ctx, 2*time.Minute, func(s session.Snapshot) string {
		switch {
		case s.State != session.Live:
			return "the app is not live but " + string(s.State)
		case s.Share.Recording != "active":
			return "the server's recording is not active but " + s.Share.Recording.String()
		}
		return ""
	})
	return err
}

// fill waits until both buffers hold the replay. What the recorder is given while all programs start at once may have
// gaps: it is slower than real time then, and catches up as soon as the machine has time. The replay begins after that.
func (d *demo) fill(ctx context.Context) error {
	n := float64(d.seconds)
	if !awaitIdle(ctx, 0.08, 90*time.Second) {
		d.w.say("this machine has no idle CPU; the recorder may lose frames")
	}
	d.w.say("waiting until both buffers hold the replay")
	from := time.Now()
	_, err := d.w.app.await(ctx, 2*time.Minute+time.Duration(d.seconds)*time.Second, func(s session.Snapshot) string {
		switch {
		case s.BufferedSeconds < n:
			return fmt.Sprintf("the app holds %.1f of %.0f s", s.BufferedSeconds, n)
		case s.Share.ServerSeconds < n:
			return fmt.Sprintf("the server holds %.1f of %.0f s", s.Share.ServerSeconds, n)
		case time.Since(from).Seconds() < n+1:
			return fmt.Sprintf("%.0f s have not passed", n)
		}
		return ""
	})
	return err
}

// show opens the settings through the tray's menu and takes a screenshot of the desktop.
func (d *demo) show(ctx context.Context) error {
	search, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tray, err := d.w.desktop.OpenTray(search, d.w.app.PID())
	if err != nil {
		return err
	}
	defer tray.Close()
	labels, err := tray.Labels(search)
	if err != nil {
		return err
	}
	_, saves := labels["Save replay"]
	d.check("tray", "has Save replay", saves, "yes", fmt.Sprint(saves))
	if err := tray.Click(search, "Settings"); err != nil {
		return err
	}
	err = d.w.desktop.Command(search, "xdotool", "search", "--sync", "--onlyvisible", "--name", "^Hindsight$",
		"windowactivate", "--sync").Run()
	d.check("window", "shows from the tray", err == nil, "yes", fmt.Sprint(err == nil))
	// The page is drawn some frames after its window is there, and nothing signals it.
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Second):
	}
	return d.w.desktop.Screenshot(ctx, filepath.Join(d.w.opts.Folder, "screenshot.png"))
}

// checkStatus looks for problems that the app reports.
func (d *demo) checkStatus(ctx context.Context) {
	s, err := d.w.app.status(ctx)
	if err != nil {
		d.fail("app", err)
		return
	}
	d.check("app", "problems", len(s.Problems) == 0, "none", fmt.Sprint(s.Problems))
	d.check("app", "encoder", s.Encoder != "", "any", s.Encoder)
}

// download fetches the server's clip as any client would.
func (d *demo) download(ctx context.Context, id, path string) error {
	c, err := client.New(d.w.backend.URL, d.w.backend.Token)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := c.Video(ctx, id, f); err != nil {
		return err
	}
	return f.Sync()
}

func (d *demo) allHolds() bool {
	return len(d.rows) > 0 && !slices.ContainsFunc(d.rows, func(r row) bool { return !r.ok })
}

// result prints the last line.
func (d *demo) result(to *os.File) error {
	d.report.OK = d.allHolds()
	return json.NewEncoder(to).Encode(d.report)
}
