// Command admin-login answers POST /admin/login: a bearer token for an admin's
// email and password. An unknown address and a wrong password are one answer,
// in the same time; package admin sees to that.
package main

import (
	"context"
	"time"

	"oms/shared/admin"
	"oms/shared/edge"
	"oms/shared/token"
)

// authenticator is what the endpoint needs; *admin.Service is one.
type authenticator interface {
	Login(ctx context.Context, email, password string) (admin.Session, error)
}

type request struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// response is that of a token request (RFC 6749, section 5.1).
type response struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

func login(admins authenticator) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[request](c)
		if err != nil {
			return nil, err
		}
		session, err := admins.Login(ctx, req.Email, req.Password)
		if err != nil {
			return nil, err
		}
		c.Identify(token.Principal{AdminID: session.AdminID, OrgID: session.OrgID})
		return &edge.Answer{Body: response{
			AccessToken: session.AccessToken,
			TokenType:   "bearer",
			ExpiresIn:   int64(session.ExpiresIn / time.Second),
		}}, nil
	}
}
