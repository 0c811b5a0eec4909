package manual

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

type grammar struct {
	JSON  bool `help:"Print JSON."`
	Token struct {
		Create struct {
			Name string `required:"" placeholder:"NAME" help:"Who it is for. 5 % of \\ are 'odd'."`
		} `cmd:"" help:"Make a token. It is shown once."`
		List struct{} `cmd:"" help:"List tokens."`
	} `cmd:"" help:"Tokens."`
	Share struct {
		State string `arg:"" enum:"on,off" help:"What to do."`
	} `cmd:"" help:"Share: on or off."`
	Secret struct{} `cmd:"" hidden:""`
	Flags
}

func model(t *testing.T) *kong.Application {
	t.Helper()
	k, err := kong.New(&grammar{}, kong.Name("try-it"), kong.Description("Tries it: all of it. .Twice"))
	require.NoError(t, err)
	return k.Model
}

func written(t *testing.T, write func(io.Writer, *kong.Application) error) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b, model(t)))
	return b.String()
}

func TestManPageIsReadByGroff(t *testing.T) {
	page := written(t, man)
	require.Equal(t, page, written(t, man), "two builds are the same")
	cmd := exec.Command("groff", "-man", "-Tascii", "-ww", "-P-cbou")
	cmd.Stdin = strings.NewReader(page)
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	text, err := cmd.Output()
	require.NoError(t, err)
	require.Empty(t, warnings.String())
	for _, want := range []string{"try-it - Tries it", "token create --name=NAME", `5 % of \ are 'odd'.`, "--json",
		"share <state>"} {
		require.Contains(t, string(text), want)
	}
	require.NotContains(t, string(text), "secret")
	require.NotContains(t, string(text), "--help-man")
}

func TestFlagsPrintAndEnd(t *testing.T) {
	for flag, want := range map[string]string{"--help-man": ".TH TRY-IT 1",
		"--completion-script-bash": "complete -o default",
		"--completion-script-zsh":  "#compdef try-it", "--completion-script-fish": "complete -c try-it"} {
		var out bytes.Buffer
		code := -1
		k, err := kong.New(&grammar{}, kong.Name("try-it"), kong.Writers(&out, &out), kong.Exit(func(c int) { code = c }))
		require.NoError(t, err)
		_, _ = k.Parse([]string{flag}) // goes on after Exit, which here does not end the program
		require.Zero(t, code, flag)
		require.Contains(t, out.String(), want)
	}
}

// complete asks a shell what it offers for a line.
func complete(t *testing.T, shell, script, line string) []string {
	t.Helper()
	dir := t.TempDir()
	name := map[string]string{"bash": "try-it", "zsh": "_try-it", "fish": "try-it.fish"}[shell]
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	var cmd *exec.Cmd
	switch shell {
	case "bash":
		cmd = exec.Command("bash", "--norc", "-c",
			`source "$1"; read -ra COMP_WORDS <<<"$2"; [[ $2 == *" " ]] && COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _try_it; printf '%s\n' "${COMPREPLY[@]}"`, "-", file, line)
	case "zsh":
		cmd = exec.Command("zsh", "-f", "-c", `words=(${(z)2}); [[ $2 == *" " ]] && words+=(""); CURRENT=${#words}
			_describe() { shift 2; print -l -- ${(P)1%%:*}; }; _files() { }; try() { source $1; }; try $1`, "-", file, line)
	case "fish":
		cmd = exec.Command("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", file, line)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", shell, out)
	var words []string
	for l := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSpace(l), "\t")
		words = append(words, word)
	}
	return words
}

func TestShellsComplete(t *testing.T) {
	for shell, write := range map[string]func(io.Writer, *kong.Application) error{"bash": bash, "zsh": zsh, "fish": fish} {
		t.Run(shell, func(t *testing.T) {
			script := written(t, write)
			top := complete(t, shell, script, "try-it ")
			require.Subset(t, top, []string{"token", "share"})
			require.NotContains(t, top, "secret")
			require.Subset(t, complete(t, shell, script, "try-it --json token "), []string{"create", "list"})
			require.Contains(t, complete(t, shell, script, "try-it token create --"), "--name")
			states := complete(t, shell, script, "try-it share o")
			require.Contains(t, states, "on")
			require.NotContains(t, states, "create")
		})
	}
}
