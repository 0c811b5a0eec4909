package backend_test

import "strings"

// moreBadRequests are about links, posters, lists, and methods that no call has.
func moreBadRequests() []bad {
	jpeg := map[string]string{"Content-Type": "image/jpeg"}
	list := []bad{
		{name: "link: no body", method: "POST", path: "/clips/nope/links", status: 400},
		{name: "link: array", method: "POST", path: "/clips/nope/links", body: "[]", status: 400},
		{name: "link: text", method: "POST", path: "/clips/nope/links", body: `{"expiresIn":"7"}`, status: 400},
		{name: "link: fraction", method: "POST", path: "/clips/nope/links", body: `{"expiresIn":1.5}`, status: 400},
		{name: "link: negative", method: "POST", path: "/clips/nope/links", body: `{"expiresIn":-1}`, status: 400},
		{name: "link: too short", method: "POST", path: "/clips/nope/links", body: `{"expiresIn":59}`, status: 400},
		{name: "link: too long", method: "POST", path: "/clips/nope/links", body: `{"expiresIn":1000000000}`, status: 400},
		{name: "link: beyond integers", method: "POST", path: "/clips/nope/links", body: `{"expiresIn":1e30}`, status: 400},
		{name: "link: unknown clip", method: "POST", path: "/clips/nope/links", body: `{}`, status: 404},
		{name: "link: dots", method: "POST", path: "/clips/..%2f..%2fx/links", body: `{}`, status: 404},
		{name: "links: unknown clip", method: "GET", path: "/clips/nope/links", status: 404},
		{name: "links: put", method: "PUT", path: "/clips/nope/links", status: 404},
		{name: "revoke: unknown clip", method: "DELETE", path: "/clips/nope/links/x", status: 404},
		{name: "revoke: all", method: "DELETE", path: "/clips/nope/links", status: 404},
		{name: "poster: JSON", method: "PUT", path: "/clips/nope/poster", body: `{}`, status: 415},
		{name: "poster: PNG", method: "PUT", path: "/clips/nope/poster", body: "x", status: 415,
			header: map[string]string{"Content-Type": "image/png"}},
		{name: "poster: unknown clip", method: "PUT", path: "/clips/nope/poster", body: "x", status: 404, header: jpeg},
		{name: "poster: huge", method: "PUT", path: "/clips/nope/poster", body: strings.Repeat("x", 3<<20), status: 404,
			header: jpeg},
		{name: "poster: post", method: "POST", path: "/clips/nope/poster", body: "x", status: 404, header: jpeg},
		{name: "watch: video", method: "GET", path: "/watch/nope/video", status: 404},
		{name: "watch: poster", method: "GET", path: "/watch/nope/poster.jpg", status: 404},
		{name: "watch: SQL", method: "GET", path: "/watch/'%20OR%201=1%20--/video", status: 404},
		{name: "watch: zero byte", method: "GET", path: "/watch/a%00b/video", status: 404},
		{name: "watch: dots", method: "GET", path: "/watch/..%2f..%2fstate.db/video", status: 404},
		{name: "watch: delete", method: "DELETE", path: "/watch/nope", status: 404},
		{name: "clips: whose", method: "GET", path: "/clips?whose=theirs", status: 400},
		{name: "clips: no moment", method: "GET", path: "/clips?before=yesterday", status: 400},
		{name: "clips: before time", method: "GET", path: "/clips?before=0001-01-01T00:00:00Z", status: 400},
		{name: "clips: after time", method: "GET", path: "/clips?whose=all&before=9999-01-01T00:00:00Z", status: 400},
		{name: "save: not a number", method: "POST", path: "/save", body: `{"replayId":"nope","seconds":NaN}`, status: 400},
		{name: "save: number as moment", method: "POST", path: "/save", body: `{"replayId":"nope","seconds":5,"pressedAt":7}`,
			status: 400},
		{name: "save: null", method: "POST", path: "/save", body: `null`, status: 400},
		{name: "video: delete", method: "DELETE", path: "/clips/nope/video", status: 404},
		{name: "beyond the prefix", method: "GET", path: "/../../etc/passwd%00", status: 404},
	}
	for _, method := range []string{"PATCH", "TRACE", "PROPFIND"} {
		list = append(list, bad{name: "method " + method, method: method, path: "/clips", status: 404})
	}
	return list
}
