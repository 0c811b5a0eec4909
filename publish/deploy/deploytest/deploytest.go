// Package deploytest holds the test of package deploy's files with real servers, apart from those of deploy itself,
// which need none. Documents is for both.
package deploytest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Documents reads all YAML documents of a file; a key that is there twice is an error.
func Documents(t *testing.T, file string) (out []map[string]any) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	d := yaml.NewDecoder(bytes.NewReader(b))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err, file)
		out = append(out, doc)
	}
}
