package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// notDrawn are packages that most others import, and files that are only data: drawn, they would hide the rest.
var notDrawn = []string{"capture/media", "publish/api", "assets", "assets/duration", "assets/icons", "assets/manual",
	"assets/version", "app/atomicfile"}

// drawn is the diagram of the packages as the imports have it, in Mermaid's words.
func drawn(files []file) string {
	edges := map[string]map[string]bool{}
	for _, f := range files {
		if f.isTest() || covers("cmd/devstack/...", f.pkg) || slices.Contains(notDrawn, f.pkg) {
			continue
		}
		if edges[f.pkg] == nil {
			edges[f.pkg] = map[string]bool{}
		}
		for _, imp := range f.imports {
			if local, inside := strings.CutPrefix(imp, module); inside && !slices.Contains(notDrawn, local) {
				edges[f.pkg][local] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	packages := slices.SortedFunc(maps.Keys(edges), func(a, b string) int {
		return cmp.Or(strings.Compare(group(a), group(b)), strings.Compare(a, b))
	})
	for i, p := range packages {
		if i == 0 || group(p) != group(packages[i-1]) {
			fmt.Fprintf(&b, "  subgraph in_%s[%s]\n", id(group(p)), group(p))
		}
		fmt.Fprintf(&b, "    %s[%s]\n", id(p), path.Base(p))
		if i == len(packages)-1 || group(p) != group(packages[i+1]) {
			b.WriteString("  end\n")
		}
	}
	for _, p := range packages {
		if len(edges[p]) > 0 {
			fmt.Fprintf(&b, "  %s --> %s\n", id(p), id(strings.Join(slices.Sorted(maps.Keys(edges[p])), " & ")))
		}
	}
	return b.String()
}

// group is the box that a package stands in.
func group(pkg string) string {
	if covers("publish/backend/...", pkg) {
		return "publish/backend"
	}
	top, _, _ := strings.Cut(pkg, "/")
	return top
}

// id is a path as Mermaid takes it for the name of a node.
func id(pkg string) string { return strings.NewReplacer("/", "_", "-", "_").Replace(pkg) }

// The diagram of CONTRIBUTING.md is what the packages really import.
func TestDiagramIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "CONTRIBUTING.md"))
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```mermaid\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, found, "CONTRIBUTING.md has no diagram in Mermaid")
	require.Equal(t, drawn(house(t)), string(found[1]), "put this into CONTRIBUTING.md")
}
