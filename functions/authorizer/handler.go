// Package authorizer is the Lambda authorizer of the protected routes (payload
// 2.0, simple responses): a bearer token goes in, who it speaks for comes out.
//
// It proves who signed the token and nothing else; that the token still holds
// is the first read of the function behind it. It knows no routes, for an API
// caches one answer for all of them, and no database. It stays away from
// package edge to be the smallest binary.
package authorizer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"oms/shared/config"
	"oms/shared/fault"
	"oms/shared/token"
)

// Setup reads the keys of tokens by lookup and returns the
// authorizer over them. It leaves one record a request with log.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (lambda.Handler, error) {
	c, err := config.Load(ctx, lookup, config.JWT)
	if err != nil {
		return nil, err
	}
	return lambda.NewHandler(authorize(token.New(c.Keys, c.TokenLife, nil), log)), nil
}

// verifier is what the authorizer needs; *token.Tokens is one.
type verifier interface {
	Verify(ctx context.Context, compact string) (token.Principal, error)
}

type (
	request  = events.APIGatewayV2CustomAuthorizerV2Request
	response = events.APIGatewayV2CustomAuthorizerSimpleResponse
)

// authorize answers whether the caller may pass, and who it is: package edge
// reads the values from the request context. A token that does not verify
// is a refusal, which the API caches; keys that cannot be read are an error,
// which it does not. Neither the token nor any part of it is logged; of who is
// refused, the source address is.
func authorize(tokens verifier, log *slog.Logger) func(context.Context, request) (response, error) {
	return func(ctx context.Context, r request) (response, error) {
		who, err := tokens.Verify(ctx, bearer(r.Headers))
		log := log.With(requestID(ctx), slog.String("gateway_request_id", r.RequestContext.RequestID),
			slog.String("route", r.RouteKey))
		refusal, refused := errors.AsType[*fault.Error](err)
		switch {
		case refused && refusal.Kind == fault.Unauthenticated:
			log.LogAttrs(ctx, slog.LevelInfo, "refused",
				slog.String("code", refusal.Code), slog.String("source_ip", r.RequestContext.HTTP.SourceIP))
			return response{IsAuthorized: false}, nil
		case err != nil:
			log.LogAttrs(ctx, slog.LevelError, "cannot verify tokens", slog.String("err", err.Error()))
			return response{}, fmt.Errorf("verifying a token: see the record of this request id")
		}
		log.LogAttrs(ctx, slog.LevelInfo, "allowed", slog.String("admin_id", who.AdminID),
			slog.String("org_id", who.OrgID))
		said := map[string]any{
			"admin_id": who.AdminID, "org_id": who.OrgID, "ver": who.CredentialVersion, "exp": who.Expires.Unix(),
		}
		if who.Session != "" {
			said["sid"], said["auth_time"] = who.Session, who.AuthTime.Unix()
		}
		return response{IsAuthorized: true, Context: said}, nil
	}
}

// bearer returns the token of the Authorization header ([token.Bearer]), or "",
// which no verifier accepts. API Gateway sends header names in lower case, SAM
// local as Title-Case.
func bearer(headers map[string]string) string {
	for name, value := range headers {
		if !strings.EqualFold(name, "authorization") {
			continue
		}
		if compact, err := token.Bearer(value); err == nil {
			return compact
		}
	}
	return ""
}

func requestID(ctx context.Context) slog.Attr {
	id := ""
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		id = lc.AwsRequestID
	}
	return slog.String("request_id", id)
}
