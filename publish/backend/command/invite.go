package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

type tokenInvite struct {
	grant
	BaseURL string        `required:"" placeholder:"URL" help:"Public URL of this service, https://host, which the user's Hindsight connects to." env:"HINDSIGHT_BASE_URL"`
	Expires time.Duration `default:"72h" placeholder:"TIME" help:"How long the link works, for example 2h or 7d, 30d at most. Default: 72h."`
}

// longestInvitation bounds how long an unused link can lie around.
const longestInvitation = 30 * 24 * time.Hour

// Validate implements kong's: what it refuses is a wrong command line.
func (t *tokenInvite) Validate() error {
	if t.Expires <= 0 || t.Expires > longestInvitation {
		return fmt.Errorf("--expires must be above 0 and at most %dd", longestInvitation/(24*time.Hour))
	}
	u, err := url.Parse(t.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("--base-url is %q; it must be of the form https://host", t.BaseURL)
	}
	return nil
}

func (t *tokenInvite) Run(ctx context.Context, c *cli, out output) error {
	return t.with(ctx, c, func(s *state.Store, scopes []state.Scope) error {
		i, code, err := s.Invite(ctx, t.Identity, t.Rooms, time.Now().Add(t.Expires), scopes...)
		if err != nil {
			return err
		}
		link := api.Invitation{Server: strings.TrimSuffix(t.BaseURL, "/"), Identity: t.Identity, Code: code}.Link()
		if _, err := api.ParseInvitation(link); err != nil { // what no app would open
			return errors.Join(fmt.Errorf("the link would not work: %w", err), s.DeleteInvitation(ctx, i.ID))
		}
		if t.JSON {
			return json.NewEncoder(out).Encode(map[string]any{"id": i.ID, "identity": i.Identity, "rooms": i.Rooms,
				"scopes": i.Scopes, "expires": i.Expires, "link": link})
		}
		_, err = fmt.Fprintln(out, link)
		return err
	})
}
