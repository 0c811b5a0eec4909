// Package manual writes man pages and shell completions from a program's command definitions, so that they never differ
// from what the program takes. Programs embed Flags; packages are built by calling them. It owns no goroutine and needs
// no closing.
package manual

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Flags are hidden flags, named as those of the Kingpin library, that print a manual and end the program.
type Flags struct {
	Man  manFlag  `name:"help-man" hidden:"" help:"Print the man page."`
	Bash bashFlag `name:"completion-script-bash" hidden:"" help:"Print completions for bash."`
	Zsh  zshFlag  `name:"completion-script-zsh" hidden:"" help:"Print completions for zsh."`
	Fish fishFlag `name:"completion-script-fish" hidden:"" help:"Print completions for fish."`
}

type (
	manFlag  bool
	bashFlag bool
	zshFlag  bool
	fishFlag bool
)

// BeforeReset implements kong's hook, which runs before required commands are missed.
func (manFlag) BeforeReset(k *kong.Kong) error { return printed(k, man) }

// BeforeReset implements kong's hook.
func (bashFlag) BeforeReset(k *kong.Kong) error { return printed(k, bash) }

// BeforeReset implements kong's hook.
func (zshFlag) BeforeReset(k *kong.Kong) error { return printed(k, zsh) }

// BeforeReset implements kong's hook.
func (fishFlag) BeforeReset(k *kong.Kong) error { return printed(k, fish) }

func printed(k *kong.Kong, write func(io.Writer, *kong.Application) error) error {
	if err := write(k.Stdout, k.Model); err != nil {
		return err
	}
	k.Exit(0)
	return nil
}

// man writes a page of section 1 in the macros of man(7).
func man(w io.Writer, app *kong.Application) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"User Commands\"\n", strings.ToUpper(app.Name), app.Name)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", app.Name, roff(brief(app.Help)))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n%s\n", roff(app.Name), roff(strings.TrimPrefix(app.Summary(), app.Name+" ")))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(app.Help))
	if app.Detail != "" {
		fmt.Fprintf(&b, ".PP\n%s\n", roff(app.Detail))
	}
	b.WriteString(".SH OPTIONS\n")
	manFlags(&b, app.Node)
	if commands := app.Leaves(true); len(commands) > 1 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range commands {
			fmt.Fprintf(&b, ".SS %s\n%s\n", roff(strings.TrimPrefix(c.Summary(), app.Name+" ")), roff(c.Help))
			if c.Detail != "" {
				fmt.Fprintf(&b, ".PP\n%s\n", roff(c.Detail))
			}
			for n := c; n.Parent != nil; n = n.Parent {
				manFlags(&b, n)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func manFlags(b *strings.Builder, n *kong.Node) {
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		if f.Short != 0 {
			name = fmt.Sprintf("-%c, %s", f.Short, name)
		}
		if !f.IsBool() {
			name += "=" + f.FormatPlaceHolder()
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(f.Help))
		if len(f.Envs) > 0 {
			fmt.Fprintf(b, "Environment: %s.\n", roff(strings.Join(f.Envs, ", ")))
		}
	}
}

// roff protects what groff would read as an instruction.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.TrimSpace(s))
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// brief is the first part of a help text, up to its first full stop or colon, without it.
func brief(help string) string {
	if i := strings.IndexAny(help, ".:"); i >= 0 {
		return help[:i]
	}
	return help
}

// at is what can follow a command: "" is the program itself, "clips" or "token create" a command.
type at struct {
	command string
	words   []word
}

type word struct{ text, help string }

// positions are all commands with what may follow each: further commands, values of a closed list, flags.
func positions(app *kong.Application) []at {
	var out []at
	var visit func(n *kong.Node, command string, flags []word)
	visit = func(n *kong.Node, command string, flags []word) {
		p := at{command: command}
		for _, c := range n.Children {
			if !c.Hidden {
				p.words = append(p.words, word{c.Name, brief(c.Help)})
			}
		}
		for _, v := range n.Positional {
			for _, e := range v.EnumSlice() {
				p.words = append(p.words, word{e, brief(v.Help)})
			}
		}
		for _, f := range n.Flags {
			if !f.Hidden {
				flags = append(flags[:len(flags):len(flags)], word{"--" + f.Name, brief(f.Help)})
			}
		}
		p.words = append(p.words, flags...)
		out = append(out, p)
		for _, c := range n.Children {
			if !c.Hidden {
				visit(c, strings.TrimSpace(command+" "+c.Name), flags)
			}
		}
	}
	visit(app.Node, "", nil)
	return out
}

// ident is a program's name as shells allow it in a function's name.
func ident(name string) string { return strings.ReplaceAll(name, "-", "_") }

// quoted is a text between single quotes, for all three shells.
func quoted(s string) string {
	return "'" + strings.NewReplacer("'", `’`, `\`, `/`).Replace(s) + "'"
}

// known are the commands as patterns of a shell's case, each after a blank as "$command $word" gives it.
func known(all []at, open string) string {
	var out []string
	for _, p := range all {
		if p.command != "" {
			depth := strings.Repeat(" ", 1-min(1, strings.Count(p.command, " ")))
			out = append(out, quoted(depth+p.command))
		}
	}
	return strings.Join(out, open)
}

// bash writes completions for bash, to be put into bash-completion's folder under the program's name.
func bash(w io.Writer, app *kong.Application) error {
	all, f := positions(app), "_"+ident(app.Name)
	var b strings.Builder
	fmt.Fprintf(&b, "# bash completion for %s\n%s() {\n", app.Name, f)
	b.WriteString("  local cur=${COMP_WORDS[COMP_CWORD]} command= word words=\n")
	fmt.Fprintf(&b, "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case \"$command $word\" in\n")
	fmt.Fprintf(&b, "    %s) command=\"$command $word\" ; command=${command# } ;;\n    esac\n  done\n", known(all, " | "))
	b.WriteString("  case $command in\n")
	for _, p := range all {
		var words []string
		for _, w := range p.words {
			words = append(words, w.text)
		}
		fmt.Fprintf(&b, "  %s) words=%s ;;\n", quoted(p.command), quoted(strings.Join(words, " ")))
	}
	b.WriteString("  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n")
	fmt.Fprintf(&b, "complete -o default -F %s %s\n", f, app.Name)
	_, err := io.WriteString(w, b.String())
	return err
}

// zsh writes completions for zsh, to be put into a folder of fpath as _NAME.
func zsh(w io.Writer, app *kong.Application) error {
	all := positions(app)
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\nlocal command= word\nlocal -a list\n", app.Name)
	b.WriteString("for word in ${words[2,CURRENT-1]}; do\n  case \"$command $word\" in\n")
	fmt.Fprintf(&b, "  (%s) command=\"$command $word\"; command=${command# } ;;\n  esac\ndone\n", known(all, " | "))
	b.WriteString("case $command in\n")
	for _, p := range all {
		fmt.Fprintf(&b, "(%s) list=(", quoted(p.command))
		for _, w := range p.words {
			fmt.Fprintf(&b, "%s ", quoted(strings.ReplaceAll(w.text, ":", `\:`)+":"+w.help))
		}
		b.WriteString(") ;;\n")
	}
	fmt.Fprintf(&b, "esac\n_describe -o %s list || _files\n", app.Name)
	_, err := io.WriteString(w, b.String())
	return err
}

// fish writes completions for fish, to be put into a folder of fish_complete_path as NAME.fish.
func fish(w io.Writer, app *kong.Application) error {
	all, f := positions(app), "__"+ident(app.Name)+"_at"
	var b strings.Builder
	fmt.Fprintf(&b, "function %s\n    set -l command ''\n    for word in (commandline -opc)[2..-1]\n", f)
	fmt.Fprintf(&b, "        switch \"$command $word\"\n            case %s\n", known(all, " "))
	b.WriteString("                set command (string trim -- \"$command $word\")\n        end\n    end\n")
	b.WriteString("    test \"$command\" = \"$argv[1]\"\nend\n")
	for _, p := range all {
		for _, w := range p.words {
			kind := "-f -a " + quoted(w.text)
			if flag, is := strings.CutPrefix(w.text, "--"); is {
				kind = "-l " + quoted(flag)
			}
			fmt.Fprintf(&b, "complete -c %s -n %s %s -d %s\n", app.Name, quoted(f+` "`+p.command+`"`), kind, quoted(w.help))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Hint says where the right usage is found after a command line that kong could not parse.
func Hint(program string, err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		return "Run " + wrong.Context.Selected().FullPath() + " --help to see how to use it."
	}
	return "Run " + program + " --help to see all commands."
}
