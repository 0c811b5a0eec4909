package source

import (
	"context"
	"fmt"

	"github.com/jfreymuth/pulse/proto"
)

func listDevices(ctx context.Context) ([]Device, error) {
	type answer struct {
		devices []Device
		err     error
	}
	got := make(chan answer, 1)
	go func() {
		d, err := askServer()
		got <- answer{d, err}
	}()
	select {
	case a := <-got:
		return a.devices, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the sound server does not answer: %w", ctx.Err())
	}
}

func askServer() ([]Device, error) {
	client, conn, err := proto.Connect("")
	if err != nil {
		return nil, fmt.Errorf("no sound server answers (%w); start PulseAudio or PipeWire", err)
	}
	defer conn.Close()
	var server proto.GetServerInfoReply
	var sources proto.GetSourceInfoListReply
	if err := hello(client); err != nil {
		return nil, fmt.Errorf("the sound server refuses to talk: %w", err)
	}
	for _, r := range []struct {
		request proto.RequestArgs
		reply   proto.Reply
	}{
		{&proto.GetServerInfo{}, &server},
		{&proto.GetSourceInfoList{}, &sources},
	} {
		if err := client.Request(r.request, r.reply); err != nil {
			return nil, fmt.Errorf("the sound server refuses to list its devices: %w", err)
		}
	}
	devices := make([]Device, 0, len(sources))
	for _, s := range sources {
		d := Device{ID: s.SourceName, Name: s.Device, Monitor: s.MonitorSourceIndex != proto.Undefined}
		d.Default = s.SourceName == server.DefaultSourceName && !d.Monitor ||
			d.Monitor && s.MonitorSourceName == server.DefaultSinkName
		devices = append(devices, d)
	}
	return devices, nil
}
