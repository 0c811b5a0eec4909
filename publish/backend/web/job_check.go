package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// maxStreams is how many RTMP servers one recording may go to.
const maxStreams = 4

// streamForm is what an address of a stream may consist of: RFC 3986 without user, fragment and escapes, and without
// the spaces and backslashes after which RTMP libraries read options.
var streamForm = regexp.MustCompile(`^rtmps?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~&+,;=:?-]+){2,6}$`)

// maxStreamAddress is the longest address of a stream in bytes.
const maxStreamAddress = 1024

// checkStreamPrefixes checks the operator's list of where streams may go.
func checkStreamPrefixes(list []string) error {
	for _, p := range list {
		u, err := url.Parse(p)
		ok := err == nil && (u.Scheme == "rtmp" || u.Scheme == "rtmps") && u.Host != "" && u.User == nil &&
			u.RawQuery == "" &&
			u.Fragment == ""
		if !ok {
			return fmt.Errorf("%q in the list of allowed streams must be of the form rtmps://host/app", p)
		}
	}
	return nil
}

// streamAllowed reports whether an address is below one of the prefixes, element by element of its path.
func streamAllowed(prefixes []string, address string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return strings.HasPrefix(address, strings.TrimSuffix(p, "/")+"/")
	})
}

func checkStreams(prefixes, list []string) error {
	if len(list) > maxStreams {
		return invalid("outputs.streams names %d servers; %d are the most", len(list), maxStreams)
	}
	for i, s := range list {
		switch {
		case len(s) > maxStreamAddress || !streamForm.MatchString(s) || slices.Contains(strings.Split(s, "/"), ".."):
			return invalid("outputs.streams must be of the form rtmps://host/app/key")
		case slices.Contains(list[:i], s):
			return invalid("outputs.streams names one server twice")
		case len(prefixes) == 0:
			return &failure{http.StatusForbidden, api.ProblemRoom,
				"this backend sends no streams; its operator can allow servers with --stream-to"}
		case !streamAllowed(prefixes, s):
			return &failure{http.StatusForbidden, api.ProblemRoom, "this backend sends streams only to " +
				strings.Join(prefixes, ", ")}
		}
	}
	return nil
}

// checkJob refuses a request that its type cannot serve and fills in defaults.
func checkJob(req *api.RecordingRequest, user state.Token, prefixes []string) error {
	if req.Type == "" {
		req.Type = api.TypeTrackComposite
	}
	if _, err := api.ParseRecordingType(req.Type.String()); err != nil {
		return invalid("%v", err)
	}
	only := func(typ api.RecordingType, names string, set bool) error {
		if set && req.Type != typ {
			return invalid("%s is for recordings of type %s; this one is of type %s", names, typ, req.Type)
		}
		return nil
	}
	for _, err := range []error{
		only(api.TypeTrackComposite, "videoTrackId and audioTrackId", req.VideoTrackID+req.AudioTrackID != ""),
		only(api.TypeTrack, "trackId", req.TrackID != ""),
		only(api.TypeParticipant, "identity", req.Identity != ""),
		only(api.TypeRoomComposite, "layout and audioOnly", req.Layout != "" || req.AudioOnly),
		checkSubject(req, user),
		checkOutputs(req),
		checkStreams(prefixes, req.Outputs.Streams),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkSubject looks at what is to be recorded.
func checkSubject(req *api.RecordingRequest, user state.Token) error {
	isTrack := func(id string) bool { return id == "" || trackID.MatchString(id) }
	switch req.Type {
	case api.TypeTrackComposite:
		if !isTrack(req.VideoTrackID) || !isTrack(req.AudioTrackID) || req.VideoTrackID == req.AudioTrackID {
			return invalid("videoTrackId and audioTrackId must be ids of published tracks, TR_…; one of them may be empty")
		}
	case api.TypeTrack:
		if req.TrackID == "" || !isTrack(req.TrackID) {
			return invalid("trackId must be the id of a published track, TR_…")
		}
	case api.TypeParticipant:
		if req.Identity == "" {
			req.Identity = user.AppIdentity()
			if user.Has(state.Record) {
				req.Identity = user.Identity
			}
		}
		if req.Identity != user.AppIdentity() {
			return mayRecordOthers(user, "another participant than the one that this token joins as")
		}
	case api.TypeRoomComposite:
		if err := mayRecordOthers(user, "a whole room"); err != nil {
			return err
		}
		if req.Layout == "" {
			req.Layout = api.LayoutGrid
		}
		if _, err := api.ParseLayout(req.Layout.String()); err != nil {
			return invalid("%v", err)
		}
	}
	return nil
}

// checkOutputs looks at where the recording is to go.
func checkOutputs(req *api.RecordingRequest) error {
	o := &req.Outputs
	withoutVideo := req.Type == api.TypeTrackComposite && req.VideoTrackID == "" || req.AudioOnly
	others := o.Segments || len(o.Streams) > 0
	if o.File != "" {
		if _, err := api.ParseFileKind(o.File.String()); err != nil {
			return invalid("%v", err)
		}
	}
	switch {
	case o.File == api.FileWebM && req.Type != api.TypeTrack:
		return invalid("outputs.file can be webm only for a recording of type track, of a track of VP8 or VP9")
	case req.Type == api.TypeTrack && others:
		return invalid("a recording of type track goes to a file only; for segments and streams use type trackComposite")
	case req.Type == api.TypeTrack:
		return nil // the track's codec chooses the kind of file
	case o.File == api.FileOGG && !withoutVideo:
		return invalid("an OGG file holds only audio; leave out the video, or use mp4")
	case o.File == api.FileOGG && others:
		return invalid("an OGG file holds Opus, segments and streams hold AAC; ask for two recordings, or take mp4")
	case o.File == "" && !others && withoutVideo:
		o.File = api.FileOGG
	case o.File == "" && !others:
		o.File = api.FileMP4
	}
	return nil
}

// subjectOf names what is recorded.
func subjectOf(req api.RecordingRequest) string {
	req.Outputs = api.RecordingOutputs{}
	b, _ := json.Marshal(req) // strings and booleans
	return string(b)
}

// fingerprint is equal for equal requests. Keys of streams must not lie in the database, hence the hash.
func fingerprint(req api.RecordingRequest) string {
	b, _ := json.Marshal(req)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// redacted is the request without the keys of its streams.
func redacted(req api.RecordingRequest) api.RecordingRequest {
	req.Outputs.Streams = slices.Clone(req.Outputs.Streams)
	for i, s := range req.Outputs.Streams {
		req.Outputs.Streams[i] = api.RedactStream(s)
	}
	return req
}
