// Package command is the command line of hindsight-backend: serve, token and their flags. It wires the parts of the
// backend together and owns their order: storage and database open first and close last, the HTTP server drains before
// the keeper ends.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/assets/manual"
	"github.com/hindsight-app/hindsight/assets/version"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// cli is the grammar.
type cli struct {
	Database     string `placeholder:"URL" help:"PostgreSQL database, postgres://user:password@host/database, to share the work among several backends. Default: SQLite in the data folder. Pass a password in the environment or with --database-file, because every user of the machine can see the command line." env:"HINDSIGHT_DATABASE"`
	DatabaseFile string `placeholder:"FILE" help:"File that contains the URL for --database, including its password." env:"HINDSIGHT_DATABASE_FILE"`
	Data         string `help:"Folder for the database, segments and clips." default:"hindsight-data" env:"HINDSIGHT_DATA" type:"path"`

	Config  kong.ConfigFlag  `placeholder:"FILE" help:"TOML file with settings named like the flags. Flags and environment variables override it." env:"HINDSIGHT_CONFIG"`
	Version kong.VersionFlag `help:"Print the version and exit."`
	manual.Flags

	Serve  serve  `cmd:"" help:"Run the service."`
	Token  tokens `cmd:"" help:"Create, list and revoke user tokens."`
	Plan   plan   `cmd:"" help:"Estimate the number of Egress workers for a number of recordings."`
	Repair repair `cmd:"" help:"Rebuild a lost database: add what is in storage but not in the database."`
}

type tokens struct {
	Create tokenCreate `cmd:"" help:"Create a token and print it. It cannot be shown again."`
	Invite tokenInvite `cmd:"" help:"Print a link with which a user gets a token by opening it in Hindsight. It works once."`
	List   tokenList   `cmd:"" help:"List tokens, or with --invitations what was not accepted yet."`
	Revoke tokenRevoke `cmd:"" help:"Revoke an invitation, or a token at once and remove its app from rooms. If it was the user's last token, also stop that user's recordings and revoke the links. Links the user made to others' clips and replays are revoked with the user's last token that has the scope manage."`
}

// output is where commands print.
type output struct{ io.Writer }

// Main runs the command line and returns the exit code: 0, 1 for a failure, 2 for wrong usage.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("hindsight-backend"), kong.Writers(stdout, stderr),
		kong.Description("Keeps rolling replays of what is shared in LiveKit rooms. Secrets are passed in the environment: "+
			"LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or LIVEKIT_API_KEY_FILE and LIVEKIT_API_SECRET_FILE."),
		kong.Vars{"version": "hindsight-backend " + version.String()}, kong.Configuration(loadFile),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(length)),
		kong.Exit(func(code int) { exited = code }))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	call, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "hindsight-backend: %v\n%s\n", err, manual.Hint("hindsight-backend", err))
		return 2
	}
	call.BindTo(ctx, (*context.Context)(nil))
	if err := call.Run(&c, output{stdout}); err != nil {
		fmt.Fprintf(stderr, "hindsight-backend: %v\n", err)
		return 1
	}
	return 0
}

// openState opens the database, below the data folder where no other is given.
func (c *cli) openState(ctx context.Context) (*state.Store, error) {
	folder := c.Data
	if c.shared() {
		address, err := c.databaseAddress()
		if err != nil {
			return nil, err
		}
		return state.OpenPostgres(ctx, address)
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	// The media beside it are for the recorder's user as well, which is in this one's group; the database is not.
	private := filepath.Join(folder, "private")
	if err := os.MkdirAll(private, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be written: %w", err)
	}
	return state.Open(ctx, private)
}

// workFolder is where this service has files of its own for a while: beside the database where there is that folder, so
// that it has as much space, else the system's.
func (c *cli) workFolder() string {
	folder := filepath.Join(c.Data, "private", "work")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return ""
	}
	return folder
}

// shared reports whether the database is one that several backends share.
func (c *cli) shared() bool { return c.Database != "" || c.DatabaseFile != "" }

// databaseAddress is that of the shared database, from the file where it is in one.
func (c *cli) databaseAddress() (string, error) {
	if c.DatabaseFile == "" {
		return c.Database, nil
	}
	if c.Database != "" {
		return "", errors.New("--database and --database-file cannot be used together; leave one out")
	}
	b, err := os.ReadFile(c.DatabaseFile)
	if err != nil {
		return "", fmt.Errorf("the file of --database-file cannot be read: %w", err)
	}
	address := strings.TrimSpace(string(b))
	if address == "" {
		return "", fmt.Errorf("%s, the file of --database-file, is empty", c.DatabaseFile)
	}
	return address, nil
}

// grant is whom a token or an invitation is for, and what it is good for.
type grant struct {
	Identity string `required:"" placeholder:"NAME" help:"The user's name in rooms."`
	Rooms    string `default:"*" placeholder:"PATTERN" help:"Rooms the user may share in, for example team-*. Default: all rooms."`
	Scopes   string `default:"publish" help:"Comma-separated permissions: view (see what everybody in those rooms may see), publish (share, save and record your own tracks), record (record what others publish), manage (all of these for everybody)."`
	JSON     bool   `help:"Print JSON."`
}

// with opens the database for f, with the scopes.
func (g *grant) with(ctx context.Context, c *cli, f func(*state.Store, []state.Scope) error) error {
	scopes, err := state.ParseScopes(g.Scopes)
	if err != nil {
		return err
	}
	return c.withState(ctx, func(s *state.Store) error { return f(s, scopes) })
}

// withState opens the database for f.
func (c *cli) withState(ctx context.Context, f func(*state.Store) error) (err error) {
	s, err := c.openState(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(s)
}

type tokenCreate struct {
	grant
}

func (t *tokenCreate) Run(ctx context.Context, c *cli, out output) error {
	return t.with(ctx, c, func(s *state.Store, scopes []state.Scope) error {
		token, secret, err := s.CreateToken(ctx, t.Identity, t.Rooms, scopes...)
		if err != nil {
			return err
		}
		if t.JSON {
			return json.NewEncoder(out).Encode(map[string]any{"id": token.ID, "identity": token.Identity,
				"rooms": token.Rooms, "scopes": token.Scopes, "token": secret})
		}
		_, err = fmt.Fprintln(out, secret)
		return err
	})
}

type tokenList struct {
	Invitations bool `help:"List invitations instead of tokens."`
	JSON        bool `help:"Print JSON."`
}

func (t *tokenList) Run(ctx context.Context, c *cli, out output) error {
	return c.withState(ctx, func(s *state.Store) error {
		if t.Invitations {
			return t.invitations(ctx, s, out)
		}
		return t.tokens(ctx, s, out)
	})
}

func (t *tokenList) tokens(ctx context.Context, s *state.Store, out output) error {
	list, err := s.Tokens(ctx)
	if err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(out).Encode(list)
	}
	rows := [][]any{}
	for _, t := range list {
		revoked := ""
		if !t.Revoked.IsZero() {
			revoked = t.Revoked.Format(time.RFC3339)
		}
		rows = append(rows, []any{t.ID, t.Identity, t.Rooms, t.Scopes, t.Created.Format(time.RFC3339), revoked})
	}
	return table(out, "REVOKED", rows)
}

// table prints tokens or invitations, whose last column differs.
func table(out output, last string, rows [][]any) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tIDENTITY\tROOMS\tSCOPES\tCREATED\t"+last)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\t%s\n", r...)
	}
	return w.Flush()
}

func (t *tokenList) invitations(ctx context.Context, s *state.Store, out output) error {
	list, err := s.Invitations(ctx)
	if err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(out).Encode(append([]state.Invitation{}, list...)) // [], not null
	}
	rows := [][]any{}
	for _, i := range list {
		rows = append(rows, []any{i.ID, i.Identity, i.Rooms, i.Scopes, i.Created.Format(time.RFC3339),
			i.Expires.Format(time.RFC3339)})
	}
	return table(out, "EXPIRES", rows)
}

type tokenRevoke struct {
	ID string `arg:"" help:"The ID shown by token list, or token list --invitations."`
}

func (t *tokenRevoke) Run(ctx context.Context, c *cli, _ output) error {
	return c.withState(ctx, func(s *state.Store) error {
		err := s.RevokeToken(ctx, t.ID)
		if errors.Is(err, state.ErrNotFound) {
			err = s.DeleteInvitation(ctx, t.ID)
		}
		if errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("there is no valid token or invitation with id %s; see hindsight-backend token list", t.ID)
		}
		return err
	})
}

// secret reads NAME, or the file that NAME_FILE names.
func secret(name string) (string, error) {
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	file := os.Getenv(name + "_FILE")
	if file == "" {
		return "", fmt.Errorf("%s is not set; set it, or %s_FILE to a file that holds it", name, name)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE cannot be read: %w", name, err)
	}
	if v := strings.TrimSpace(string(b)); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the file that %s_FILE names is empty", name)
}
