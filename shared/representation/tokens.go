package representation

import (
	"time"

	"oms/shared/admin"
)

// Tokens is what a login or a refresh gives, in the body of an answer: that of a
// token request (RFC 6749, section 5.1), with the life of the refresh token beside it.
type Tokens struct {
	AccessToken           string `json:"access_token"`
	TokenType             string `json:"token_type"`
	ExpiresIn             int64  `json:"expires_in"` // seconds
	RefreshToken          string `json:"refresh_token"`
	RefreshTokenExpiresIn int64  `json:"refresh_token_expires_in"` // seconds
}

// TokensOf returns the representation of g.
func TokensOf(g admin.Grant) Tokens {
	return Tokens{
		AccessToken: g.AccessToken, TokenType: "bearer", ExpiresIn: int64(g.ExpiresIn / time.Second),
		RefreshToken: g.RefreshToken.Reveal(), RefreshTokenExpiresIn: int64(g.RefreshExpiresIn / time.Second),
	}
}
