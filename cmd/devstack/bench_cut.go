package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/storedtest"
)

type benchCutCommand struct {
	Clips   int    `help:"Number of clips to cut at once." default:"2"`
	Minutes int    `help:"Length of each clip, in minutes." default:"20"`
	Mbps    int    `help:"Video bitrate in Mb/s." default:"20"`
	FPS     int    `help:"Frame rate (FPS)." default:"60"`
	MB      int64  `name:"mb" help:"Memory that the backend may use, page cache included, in MB." default:"256"`
	Folder  string `help:"Folder for segments and clips, three times a clip's size for two clips. Default: the temporary folder."`
}

// Run has a backend in a control group cut whole replays, and looks at the clips.
func (b *benchCutCommand) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.Folder, "hs-cut-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := built("hindsight-backend")
	if err != nil {
		return err
	}
	lk, err := stack.StartLiveKit(ctx, dir, stack.LiveKitOptions{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer lk.Close()
	length := time.Duration(b.Minutes) * time.Minute
	got, err := storedtest.CutLimited(ctx, dir, program, lk,
		storedtest.Options{Replays: b.Clips, Length: length, FPS: b.FPS, Kbps: b.Mbps * 1000}, b.MB*1e6)
	if err != nil {
		return err
	}
	if !got.Grouped {
		fmt.Fprintln(os.Stderr, "The limit was not enforced:", stack.ErrNoGroup)
	}
	for i, file := range got.Files {
		streams, seconds, err := backendtest.Probe(ctx, file)
		if err != nil {
			return err
		}
		if len(streams) != 2 || (seconds-length).Abs() > 50*time.Millisecond || len(got.Clips[i].Gaps) > 0 {
			return fmt.Errorf("%s has %d tracks, %v and %d gaps", file, len(streams), seconds, len(got.Clips[i].Gaps))
		}
		fmt.Printf("clip of %v, %d MB\n", seconds.Round(time.Millisecond), got.Clips[i].Bytes/1e6)
	}
	fmt.Printf("%d clips cut at once in %v; the backend had %d MB of %d MB at most, and %d MB with page cache\n", b.Clips,
		got.Took.Round(100*time.Millisecond), got.Resident/1e6, b.MB, got.Group/1e6)
	return nil
}
