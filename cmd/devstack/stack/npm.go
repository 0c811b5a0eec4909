package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// axe-core finds faults of accessibility in a page; and the SHA-256 of the file that is taken.
const (
	axeVersion = "4.14.1"
	axeFile    = "axe.min.js"
	axeSum     = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

// Axe fetches axe-core once and returns its script, which sets axe in a page that runs it.
func Axe(ctx context.Context, log io.Writer) (string, error) {
	dir, err := cached(ctx, "axe-core-"+axeVersion, func(dir string) error {
		return fetchNPM(ctx, log, dir, "axe-core", axeVersion, axeFile, axeSum)
	})
	if err != nil {
		return "", fmt.Errorf("axe-core cannot be fetched: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, axeFile))
	return string(b), err
}

// fetchNPM puts one file of a package of npm into dir, checked against its SHA-256.
func fetchNPM(ctx context.Context, log io.Writer, dir, name, version, file, want string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not installed; run make setup")
	}
	fmt.Fprintln(log, "fetching", name, version)
	if err := runBuild(ctx, log, dir, nil, "npm", "pack", "--silent", name+"@"+version); err != nil {
		return err
	}
	archive, inside := name+"-"+version+".tgz", "package/"+file
	if err := runBuild(ctx, log, dir, nil, "tar", "-xzf", archive,
		fmt.Sprint("--strip-components=", strings.Count(inside, "/")), inside); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, path.Base(file)))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
		return errors.New("it is not the file that is expected; its SHA-256 is " + hex.EncodeToString(sum[:]))
	}
	return os.Remove(filepath.Join(dir, archive))
}
