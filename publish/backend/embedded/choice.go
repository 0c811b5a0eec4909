package embedded

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// Kind is a recorder that can be chosen.
type Kind string

// The recorders.
const (
	ChooseEmbedded Kind = "embedded"
	ChooseLiveKit  Kind = "livekit"
	ChooseAuto     Kind = "auto" // livekit where LiveKit is set up for egress, else embedded
)

var kinds = []Kind{ChooseEmbedded, ChooseLiveKit, ChooseAuto}

// String is the text on the command line.
func (k Kind) String() string { return string(k) }

// ParseKind reads what String returns.
func ParseKind(text string) (Kind, error) { return media.ParseName("recorder", text, kinds) }

// Choice is both recorders as one. New recordings go to the chosen one; recordings that run, maybe from before a
// restart with another choice, stay with the one that made them. It has no goroutines.
type Choice struct {
	choice   Kind
	livekit  *recorder.LiveKit
	embedded *Recorder
	log      *slog.Logger

	mu     sync.Mutex
	chosen Kind // once known
}

// Choose makes a Choice.
func Choose(choice Kind, l *recorder.LiveKit, e *Recorder, log *slog.Logger) *Choice {
	return &Choice{choice: choice, livekit: l, embedded: e, log: log}
}

// Decide returns the chosen recorder, ChooseEmbedded or ChooseLiveKit. With ChooseAuto it asks LiveKit, once; while
// LiveKit does not respond, nothing is decided.
func (c *Choice) Decide(ctx context.Context) (Kind, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chosen != "" {
		return c.chosen, nil
	}
	chosen, why := c.choice, "set by --recorder"
	if c.choice == ChooseAuto {
		has, err := c.livekit.HasEgress(ctx)
		if err != nil {
			return "", err
		}
		chosen, why = ChooseEmbedded, "LiveKit is not set up for egress"
		if has {
			chosen, why = ChooseLiveKit, "LiveKit is set up for egress"
		}
	}
	c.chosen = chosen
	c.log.InfoContext(ctx, "recorder chosen", "recorder", chosen, "why", why)
	return chosen, nil
}

// Start has the chosen recorder record.
func (c *Choice) Start(ctx context.Context, r recorder.Request) (recorder.Status, error) {
	chosen, err := c.Decide(ctx)
	if err != nil {
		return recorder.Status{}, err
	}
	if chosen == ChooseEmbedded {
		return c.embedded.Start(ctx, r)
	}
	return c.livekit.Start(ctx, r)
}

// Stop ends a recording of either.
func (c *Choice) Stop(ctx context.Context, id string) error {
	if strings.HasPrefix(id, idPrefix) {
		return c.embedded.Stop(ctx, id)
	}
	return c.livekit.Stop(ctx, id)
}

// Status asks for a recording of either.
func (c *Choice) Status(ctx context.Context, id string) (recorder.Status, error) {
	if strings.HasPrefix(id, idPrefix) {
		return c.embedded.Status(ctx, id)
	}
	return c.livekit.Status(ctx, id)
}

// Webhook reads a notification of LiveKit's; the embedded recorder sends none.
func (c *Choice) Webhook(r *http.Request) (recorder.Status, bool, error) { return c.livekit.Webhook(r) }

// Writing lists what LiveKit runs that writes into the folder of a recording's id; what is embedded ends with its
// process.
func (c *Choice) Writing(ctx context.Context, id string) ([]string, error) {
	if has, err := c.livekit.HasEgress(ctx); err != nil || !has {
		return nil, err
	}
	return c.livekit.Writing(ctx, id)
}
