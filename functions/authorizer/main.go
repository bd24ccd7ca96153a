package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"oms/shared/config"
	"oms/shared/token"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	ctx := context.Background()
	c, err := config.Load(ctx, os.LookupEnv, config.JWT)
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "cannot start", slog.String("err", err.Error()))
		os.Exit(1)
	}
	lambda.StartWithOptions(authorize(token.New(c.Keys, c.TokenLife, nil), log), lambda.WithContext(ctx))
}
