package api

import "time"

// Names of the metadata of an upload (tus 1.0.0, "Upload-Metadata"). Each value is a text, in Base64.
const (
	MetaTitle      = "title"
	MetaRoom       = "roomName"
	MetaRecordedAt = "recordedAt" // RFC 3339
	MetaSHA256     = "sha256"     // of the whole file, in hexadecimal
)

// UploadRequest says what an uploaded clip is. All of it may be empty.
type UploadRequest struct {
	// Title is shown to whoever watches the clip.
	Title string
	// RoomName is a room whose viewers may see the clip as well.
	RoomName string
	// RecordedAt is when the clip ends; absent means what the file says, else now.
	RecordedAt *time.Time
}

// Upload is the response to GET /uploads/{id}: a file on its way to become the clip of the same id.
type Upload struct {
	UploadID string      `json:"uploadId"`
	State    UploadState `json:"state"`
	// Offset is how many bytes have arrived, of Bytes.
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
	// SHA256 is what the file must have, in hexadecimal.
	SHA256   string `json:"sha256"`
	Title    string `json:"title,omitempty"`
	RoomName string `json:"roomName,omitempty"`
	// Reason says why an upload failed.
	Reason    string    `json:"reason,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// ExpiresAt is when the upload is deleted unless more of it arrives. The clip stays.
	ExpiresAt time.Time `json:"expiresAt"`
}
