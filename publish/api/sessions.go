package api

import "time"

// SignInCode signs a browser in at the team's page, once.
type SignInCode struct {
	Code string `json:"code"`
	// URL is the page with the code behind #, which browsers send to nobody.
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expiresAt"`
}
