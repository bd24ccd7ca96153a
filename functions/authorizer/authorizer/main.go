// Command authorizer is what AWS Lambda runs for package authorizer.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"oms/functions/authorizer"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})).
		// as package edge has it, which would make this binary larger
		With(slog.String("function_version", lambdacontext.FunctionVersion))
	ctx := context.Background()
	h, err := authorizer.Setup(ctx, os.LookupEnv, log)
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "cannot start", slog.String("err", err.Error()))
		os.Exit(1)
	}
	lambda.StartWithOptions(h, lambda.WithContext(ctx))
}
