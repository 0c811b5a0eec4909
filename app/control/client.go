package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// ours refuses a folder that another user made, who could impersonate the app and read everything.
func ours(dir string) error {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("the folder of the control socket could not be read: %w", err)
	}
	if !st.IsDir() || !private(st) {
		return notYours(dir)
	}
	return nil
}

// Call sends one request to the running app and decodes the response's data into out, which may be nil; an
// error may come with data. ErrNotRunning
// means that none listens; other errors are the app's own messages.
func Call(ctx context.Context, dir string, r Request, out any) error {
	if err := ours(dir); err != nil {
		return err
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", socketPath(dir))
	if err != nil {
		return ErrNotRunning
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return fmt.Errorf("hindsight did not take the command: %w", err)
	}
	var resp Response
	if err := json.NewDecoder(bufio.NewReader(c)).Decode(&resp); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("hindsight did not respond in time: %w", ctx.Err())
		}
		return fmt.Errorf("hindsight stopped before it replied: %w", err)
	}
	if out != nil && resp.Data != nil {
		if err := json.Unmarshal(resp.Data, out); err != nil {
			return fmt.Errorf("hindsight is of another version and replied something unknown: %w", err)
		}
	}
	switch {
	case resp.OK:
		return nil
	case resp.Invalid:
		return &InvalidError{errors.New(resp.Error)}
	}
	return errors.New(resp.Error)
}
