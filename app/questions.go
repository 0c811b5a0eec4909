package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/ui"
)

// replyWait is how long the user has to allow a viewer's clip.
const replyWait = 30 * time.Second

// questionGap is between two questions: a click that was meant for one must not reply to the next.
const questionGap = time.Second

// topicViewer is that of a viewer's question.
const topicViewer = "viewer"

// questions are asked one after the other, wherever they come from. The zero value is ready.
type questions struct {
	once sync.Once
	turn chan struct{}
}

// take waits for the turn of a question, which lasts until done is called; false is that the context has ended.
func (q *questions) take(ctx context.Context) (done func(), ok bool) {
	q.once.Do(func() { q.turn = make(chan struct{}, 1) })
	if ctx.Err() != nil {
		return nil, false
	}
	select {
	case q.turn <- struct{}{}: // in the order in which they came
		return func() { time.AfterFunc(questionGap, func() { <-q.turn }) }, true
	case <-ctx.Done():
		return nil, false
	}
}

// reply is what the user says to a viewer's question.
type reply int

// The replies.
const (
	unanswered reply = iota // in time
	allowed
	denied
)

// ask asks the user in a notification and in the window, once the questions before are answered, for as long as the
// context and replyWait allow.
func (a *App) ask(ctx context.Context, title, body string) reply {
	select {
	case <-a.ready:
	case <-ctx.Done():
		return unanswered
	}
	done, ok := a.questions.take(ctx)
	if !ok {
		return unanswered
	}
	defer done()
	replies := make(chan reply, 2)
	say := func(r reply) func() {
		return func() {
			select {
			case replies <- r:
			default: // the user has said both
			}
		}
	}
	a.notify(desktop.Notification{Title: title, Body: body, Topic: topicViewer, Actions: []desktop.Action{
		{Label: locale.Text("Open Hindsight"), Do: a.ui.Show}, // a click on the notification itself must not allow it
		{Label: locale.Text("Allow"), Do: say(allowed)},
		{Label: locale.Text("Deny"), Do: say(denied)},
	}})
	closed := a.ui.AskClip(ui.ClipQuestion{Title: title, Text: body, Allow: say(allowed), Deny: say(denied)})
	defer closed()
	timer := time.NewTimer(replyWait)
	defer timer.Stop()
	select {
	case r := <-replies:
		a.notify(desktop.Notification{Topic: topicViewer, Withdraw: true})
		return r
	case <-timer.C:
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) { // somebody else has replied, or sharing has ended
			a.notify(desktop.Notification{Topic: topicViewer, Withdraw: true})
			return unanswered
		}
	}
	a.notify(desktop.Notification{Topic: topicViewer, Withdraw: true}) // the next may not be shown
	a.notify(desktop.Notification{Title: title, Body: locale.Text("You didn't reply in time, so no clip was made."),
		Topic: topicViewer, Quiet: true})
	return unanswered
}
