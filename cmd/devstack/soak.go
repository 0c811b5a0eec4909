package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

type soakCommand struct {
	Minutes int           `help:"How long the app runs, in minutes." default:"30"`
	Every   time.Duration `help:"Time between two saves." default:"1m"`
}

// What the soak bears. The first fifth of the time is not looked at for memory: the buffer fills, caches warm up.
const (
	// soakGrowthMiB is how much more memory the app may have in the mean of the last fifth than in that of the second.
	soakGrowthMiB = 12
	// soakLengthMS and soakStepMS are how far a clip's length, and its sound from its video, may be off, in ms.
	soakLengthMS, soakStepMS = 1000.0/30 + 1, 16
)

// Run captures a moving desktop for long, saves again and again, and looks at every clip and at the app's memory.
func (s *soakCommand) Run(ctx context.Context) error {
	dir, d, sound, end, err := virtualDesktop(ctx)
	if err != nil {
		return err
	}
	defer end()
	pattern, err := stack.StartPattern(ctx, stack.PatternOptions{Display: d.Display, PulseServer: sound.Server,
		DesktopSink: sound.DesktopSink, MicSink: sound.MicSink})
	if err != nil {
		return err
	}
	defer pattern.Close()
	c, err := hindsightContender(dir, d, sound)
	if err != nil {
		return err
	}
	p, err := stack.Start(ctx, c.spec)
	if err != nil {
		return err
	}
	defer p.Close()
	memory, err := s.saveAgainAndAgain(ctx, c, d, p)
	if err != nil {
		return err
	}
	return judgeSoak(c.clips, memory)
}

// saveAgainAndAgain returns the app's memory in MiB after each save.
func (s *soakCommand) saveAgainAndAgain(ctx context.Context, c *contender, d *stack.Desktop, p *stack.Proc) (
	memory []float64, err error) {
	if err := pause(ctx, p, warmUp+benchReplay*time.Second); err != nil {
		return nil, err
	}
	end := time.Now().Add(time.Duration(s.Minutes) * time.Minute)
	for time.Now().Before(end) {
		next := time.Now().Add(s.Every)
		if err := c.saveClip(ctx, d); err != nil {
			return nil, err
		}
		clip := c.clips[len(c.clips)-1]
		memory = append(memory, memoryMiB(p.PID()))
		fmt.Printf("save %3d: %4.0f ms, length %+5.1f ms, sound %+5.1f ms, %2.0f frames lost; %.0f MiB\n",
			len(c.clips), clip.saveMS, clip.lengthMS, clip.stepMS, clip.lost, memory[len(memory)-1])
		if err := os.RemoveAll(c.folder); err != nil { // half an hour of clips is a lot
			return nil, err
		}
		if err := pause(ctx, p, time.Until(next)); err != nil {
			return nil, err
		}
	}
	return memory, nil
}

func judgeSoak(clips []savedClip, memory []float64) error {
	var wrong []error
	for i, c := range clips {
		if math.Abs(c.lengthMS) > soakLengthMS || math.Abs(c.stepMS) > soakStepMS || c.lost > 1 {
			wrong = append(wrong, fmt.Errorf("save %d is not exact", i+1))
		}
	}
	mean := func(v []float64) (sum float64) {
		for _, x := range v {
			sum += x / float64(len(v))
		}
		return sum
	}
	if part := len(memory) / 5; part > 0 {
		before, after := mean(memory[part:2*part]), mean(memory[len(memory)-part:])
		fmt.Printf("memory: %.0f MiB at first, %.0f MiB at last\n", before, after)
		if after-before > soakGrowthMiB {
			wrong = append(wrong, fmt.Errorf("memory grew by %.0f MiB", after-before))
		}
	}
	return errors.Join(wrong...)
}
