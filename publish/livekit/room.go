package livekit

import (
	"context"
	"errors"
	"fmt"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

// ErrNoRight means that the token does not allow what was to be said in the room.
var ErrNoRight = errors.New("the server does not allow messages to the room; update the Hindsight backend")

// RPCError is what a method returns so that the caller sees its code and message; another error reaches the caller as
// "application error" alone.
type RPCError struct {
	Code    uint32
	Message string
}

// Error is the message.
func (e *RPCError) Error() string { return e.Message }

// Method is an RPC method that others in the room can call. The context ends when the caller no longer waits, or the
// Session closes. The client runs one call at a time: to others who call in the meantime it looks like a lost
// connection (code 1501).
type Method func(ctx context.Context, caller string, payload []byte) ([]byte, error)

// offer registers the methods.
func (s *Session) offer(methods map[string]Method) error {
	for name, method := range methods {
		err := s.room.RegisterRpcCtxMethod(name, func(ctx context.Context, payload []byte) ([]byte, error) {
			meta := lksdk.RPCMetadataFromContext(ctx)
			if meta == nil {
				return nil, errors.New("a call without a caller")
			}
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(s.life, cancel)()
			out, err := method(ctx, meta.CallerIdentity, payload)
			if e, ok := errors.AsType[*RPCError](err); ok {
				err = lksdk.NewRpcError(lksdk.RpcErrorCode(e.Code), e.Message, nil)
			}
			return out, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SetAttributes sets attributes of the participant, which every front end in the room sees. Those of other names stay.
// The server does not confirm it.
func (s *Session) SetAttributes(attributes map[string]string) error {
	if p := s.room.LocalParticipant.Permissions(); p != nil && !p.CanUpdateMetadata {
		return ErrNoRight
	}
	s.room.LocalParticipant.SetAttributes(attributes)
	return nil
}

// SendData sends a payload to everybody in the room, reliably and in order.
func (s *Session) SendData(topic string, payload []byte) error {
	if p := s.room.LocalParticipant.Permissions(); p != nil && !p.CanPublishData {
		return ErrNoRight
	}
	err := s.room.LocalParticipant.PublishDataPacket(lksdk.UserData(payload), lksdk.WithDataPublishReliable(true),
		lksdk.WithDataPublishTopic(topic))
	if err != nil {
		return fmt.Errorf("the message to the room was not sent: %w", err)
	}
	return nil
}

// SendText sends a text stream to everybody in the room; chats show those of the topic lk.chat.
func (s *Session) SendText(topic, text string) error {
	if p := s.room.LocalParticipant.Permissions(); p != nil && !p.CanPublishData {
		return ErrNoRight
	}
	s.room.LocalParticipant.SendText(text, lksdk.StreamTextOptions{Topic: topic})
	return nil
}
