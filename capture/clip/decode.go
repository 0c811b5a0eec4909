package clip

import (
	"context"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// PCM decodes what is heard of a sound track between two moments of its movie and hands it over in blocks without gaps,
// the first of which begins at 0. Where nothing is heard there is silence.
func PCM(ctx context.Context, s *mp4.Source, t mp4.StoredSound, from, to time.Duration,
	give func(media.PCM) error) error {
	line := &soundLine{encode: give}
	if err := decodeSound(ctx, s, cutSound(t, from, to), -from, line); err != nil {
		return err
	}
	return line.silence(media.DurationToSamples(to - from))
}

// ExplainFile turns an error of a file system into a message for who named a file in the folder.
func ExplainFile(folder string, err error) error { return explainFile(folder, err) }

// Free calls try with free names for a file that is made from a clip: the clip's own name with a suffix and an ending,
// beside it, until try returns something else than fs.ErrExist.
func Free(beside, suffix, ending string, try func(path string) error) (string, error) {
	folder, base := besideName(beside, suffix)
	return place(folder, base, ending, try)
}
