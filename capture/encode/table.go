package encode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/encode/gstenc"
	"github.com/hindsight-app/hindsight/capture/media"
)

// The table of engines. Another maker's encoders are joined to them here, in a file for the systems that have it;
// nothing else in this package knows one maker from another.
var (
	// encoders are tried in this order: hardware first.
	encoders = inOrder(gstenc.Video())
	// soundEncoders are taken in this order, for each track.
	soundEncoders = gstenc.Sound()
	// makers made them.
	makers = []engine.Maker{gstenc.Maker()}
)

// Makers are those whose encoders this program knows; a machine need not have them all.
func Makers() []engine.Maker { return makers }

// inOrder joins the encoders of several makers: hardware first, and each maker's in its own order.
func inOrder(makers ...[]engine.VideoEncoder) []engine.VideoEncoder {
	all := slices.Concat(makers...)
	slices.SortStableFunc(all, func(a, b engine.VideoEncoder) int {
		switch {
		case a.Software == b.Software:
			return 0
		case b.Software:
			return -1
		}
		return 1
	})
	return all
}

// Names lists the encoders in the order of trial.
func Names() []string {
	names := make([]string, len(encoders))
	for i, e := range encoders {
		names[i] = e.Name
	}
	return names
}

func find(name string) (engine.VideoEncoder, error) {
	for _, e := range encoders {
		if e.Name == name {
			return e, nil
		}
	}
	return engine.VideoEncoder{}, fmt.Errorf("there is no encoder named %q; the known ones are %s", name,
		strings.Join(Names(), ", "))
}

// CheckSound says whether this machine has an encoder for the track.
func CheckSound(track media.Track) error {
	_, err := chooseSound(track)
	return err
}

func chooseSound(track media.Track) (engine.SoundEncoder, error) {
	if track.ForClips() {
		track = media.AAC
	}
	var missing []string
	for _, e := range soundEncoders {
		if e.Track != track {
			continue
		}
		err := e.Installed()
		if err == nil {
			return e, nil
		}
		missing = append(missing, err.Error())
	}
	return engine.SoundEncoder{}, fmt.Errorf("there is no encoder for %s: %s", track, alternatives(missing))
}

// alternatives joins what is said of several encoders, each thing once.
func alternatives(said []string) string {
	slices.Sort(said)
	said = slices.DeleteFunc(slices.Compact(said), func(s string) bool { return s == engine.ErrNotInstalled.Error() })
	if len(said) == 0 {
		return "none is installed"
	}
	return strings.Join(said, "; or ")
}
