package storage

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"

	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// place is what the address of a bucket says, for the two that write into it: this service through gocloud.dev/blob,
// and LiveKit Egress through its upload options. Keys come from the environment, as the clouds' own tools take them:
//
//	s3://bucket/prefix?region=eu-central-1                  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//	s3://bucket?region=r&endpoint=https://s3.example.com&use_path_style=true    another server than Amazon's
//	gs://bucket/prefix                                      GOOGLE_APPLICATION_CREDENTIALS, a file
//	azblob://container/prefix                               AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY
//
// Where there are none, both find out for themselves who they are, by the role of the machine they run on. Further
// parameters of the query are gocloud's own.
type place struct {
	prefix  string // of all keys, without slashes at its ends
	gocloud string // the address without the path
	upload  recorder.Upload
}

// prefixForm keeps the prefix to what every cloud takes as it is.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)

func parse(address string) (place, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return place{}, fmt.Errorf("--storage is %q; it must be of the form s3://bucket/prefix, gs://bucket/prefix or "+
			"azblob://container/prefix, with the keys in the environment", address)
	}
	p := place{prefix: strings.Trim(u.Path, "/")}
	if p.prefix != "" && !prefixForm.MatchString(p.prefix) {
		return place{}, fmt.Errorf("the path of --storage is %q; it may have letters, digits, hyphens and underscores",
			p.prefix)
	}
	switch u.Scheme {
	case "s3":
		p.upload.S3, err = s3Upload(u)
	case "gs":
		p.upload.GCP, err = gcpUpload(u)
	case "azblob":
		p.upload.Azure = &livekit.AzureBlobUpload{AccountName: os.Getenv("AZURE_STORAGE_ACCOUNT"),
			AccountKey: os.Getenv("AZURE_STORAGE_KEY"), ContainerName: u.Host}
	default:
		err = fmt.Errorf("--storage begins with %s://; it must be s3://, gs:// or azblob://", u.Scheme)
	}
	u.Path = ""
	p.gocloud = u.String()
	return p, err
}

func s3Upload(u *url.URL) (*livekit.S3Upload, error) {
	q := u.Query()
	up := &livekit.S3Upload{AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Region: q.Get("region"), Endpoint: q.Get("endpoint"), Bucket: u.Host}
	if up.Region == "" {
		up.Region = os.Getenv("AWS_REGION")
	}
	if v := q.Get("use_path_style"); v != "" {
		style, err := strconv.ParseBool(v)
		if err != nil {
			return nil, fmt.Errorf("use_path_style in --storage is %q; it must be true or false", v)
		}
		up.ForcePathStyle = style
	}
	return up, nil
}

func gcpUpload(u *url.URL) (*livekit.GCPUpload, error) {
	up := &livekit.GCPUpload{Bucket: u.Host}
	if file := os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read: %w", err)
		}
		up.Credentials = string(b)
	}
	return up, nil
}
