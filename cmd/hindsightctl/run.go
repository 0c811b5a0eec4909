package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/assets/manual"
	"github.com/hindsight-app/hindsight/assets/version"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/export"
)

func run(ctx context.Context, args []string) int {
	var cli commands
	out := &output{json: slices.Contains(args, "--json"), to: os.Stdout}
	parser := kong.Must(&cli, append(mappers, kong.Name("hindsightctl"),
		kong.Vars{"version": "hindsightctl " + version.String()},
		kong.Description("Controls Hindsight: save a replay, share the screen, show status."))...)
	parser.Model.Detail = exitStatuses
	k, err := parser.Parse(numbersAreValues(args))
	if err != nil {
		out.fail(errors.New(positional.ReplaceAllString(err.Error(), "")), manual.Hint("hindsightctl", err))
		return usageError
	}
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(out); err != nil {
		out.fail(err, "")
		return status(err)
	}
	return 0
}

// positional is how kong names a file before what is wrong with it.
var positional = regexp.MustCompile(`^\[?<(path|folder|clip)s?>( \.\.\.)?\]?: `)

// exitStatuses stands in --help and in the man page.
const exitStatuses = "The exit status is 0 when it is done, 1 when it failed, 2 when the command line or a value " +
	"in it is wrong and nothing was changed, and 3 when Hindsight is not running."

// status is the exit status for an error of a command.
func status(err error) int {
	var invalid *control.InvalidError
	var input clip.InputError
	var export export.InputError
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return notRunning
	case errors.As(err, &invalid), errors.As(err, &input), errors.As(err, &export):
		return usageError
	}
	return failed
}

// numbersAreValues marks negative numbers as values, which kong would take for flags: there are none with digits.
func numbersAreValues(args []string) []string {
	i := slices.IndexFunc(args, negative)
	if i <= 0 || slices.Contains(args[:i], "--") || strings.HasPrefix(args[i-1], "-") {
		return args
	}
	if set := slices.Index(args[:i], "set"); set > 0 && slices.Contains(args[:set], "settings") {
		i = set + 1 // kong takes all values of one list from one side of the mark
	}
	rest := slices.DeleteFunc(slices.Clone(args[i:]), func(a string) bool { return a == "--json" })
	marked := append(slices.Clone(args[:i]), "--")
	if len(rest) < len(args)-i {
		marked = append([]string{"--json"}, marked...)
	}
	return append(marked, rest...)
}
