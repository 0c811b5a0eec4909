package recorder

import "github.com/livekit/protocol/livekit"

// Upload is the bucket that LiveKit Egress sends its files to. At most one is set; none means that it writes to a
// folder.
type Upload struct {
	S3    *livekit.S3Upload
	GCP   *livekit.GCPUpload
	Azure *livekit.AzureBlobUpload
}

// segments has segments uploaded.
func (u Upload) segments(o *livekit.SegmentedFileOutput) {
	switch {
	case u.S3 != nil:
		o.Output = &livekit.SegmentedFileOutput_S3{S3: u.S3}
	case u.GCP != nil:
		o.Output = &livekit.SegmentedFileOutput_Gcp{Gcp: u.GCP}
	case u.Azure != nil:
		o.Output = &livekit.SegmentedFileOutput_Azure{Azure: u.Azure}
	}
}

// file has one encoded file uploaded.
func (u Upload) file(o *livekit.EncodedFileOutput) {
	switch {
	case u.S3 != nil:
		o.Output = &livekit.EncodedFileOutput_S3{S3: u.S3}
	case u.GCP != nil:
		o.Output = &livekit.EncodedFileOutput_Gcp{Gcp: u.GCP}
	case u.Azure != nil:
		o.Output = &livekit.EncodedFileOutput_Azure{Azure: u.Azure}
	}
}

// direct has the file of a Track egress uploaded.
func (u Upload) direct(o *livekit.DirectFileOutput) {
	switch {
	case u.S3 != nil:
		o.Output = &livekit.DirectFileOutput_S3{S3: u.S3}
	case u.GCP != nil:
		o.Output = &livekit.DirectFileOutput_Gcp{Gcp: u.GCP}
	case u.Azure != nil:
		o.Output = &livekit.DirectFileOutput_Azure{Azure: u.Azure}
	}
}
