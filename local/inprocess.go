package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	adminlogin "oms/functions/admin-login"
	adminrecovery "oms/functions/admin-recovery"
	adminsessions "oms/functions/admin-sessions"
	"oms/functions/authorizer"
	"oms/functions/docs"
	"oms/functions/health"
	"oms/functions/mail"
	orgcreate "oms/functions/org-create"
	orgdelete "oms/functions/org-delete"
	orgget "oms/functions/org-get"
	orgupdate "oms/functions/org-update"
	"oms/functions/reconcile"
	"oms/local/lambda"
	"oms/local/template"
	"oms/shared/edge"
)

// setup opens what a function needs and returns it. Variables are looked up as
// os.LookupEnv does it; what is opened lasts as long as the context.
type setup func(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (lambda.Handler, error)

// setups are the functions that can run in this process, by their CodeUri.
func setups() map[string]setup {
	return map[string]setup{
		"functions/admin-login":    endpoint(adminlogin.Setup),
		"functions/admin-sessions": endpoint(adminsessions.Setup),
		"functions/admin-recovery": endpoint(adminrecovery.Setup),
		"functions/authorizer":     authorize,
		"functions/docs":           endpoint(docs.Setup),
		"functions/health":         endpoint(health.Setup),
		"functions/mail":           job(mail.Setup),
		"functions/org-create":     endpoint(orgcreate.Setup),
		"functions/org-delete":     endpoint(orgdelete.Setup),
		"functions/org-get":        endpoint(orgget.Setup),
		"functions/org-update":     endpoint(orgupdate.Setup),
		"functions/reconcile":      job(reconcile.Setup),
	}
}

func endpoint(open edge.Setup) setup {
	return func(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (lambda.Handler, error) {
		h, err := edge.Start(ctx, open, lookup, log)
		if err != nil {
			return nil, err
		}
		return edge.NewFunction(h, log), nil
	}
}

func job(open func(context.Context, func(string) (string, bool), *slog.Logger) (edge.Run, error)) setup {
	return func(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (lambda.Handler, error) {
		run, err := open(ctx, lookup, log)
		if err != nil {
			return nil, err
		}
		return edge.NewJob(run, log), nil
	}
}

func authorize(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (lambda.Handler, error) {
	return authorizer.Setup(ctx, lookup, log)
}

// lookupIn finds what the template declares for a function, and what Lambda itself
// gives to each: its region and credentials. A host that has none gives none.
func lookupIn(variables, settings map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		switch name {
		case "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN":
			if !ok {
				value, ok = settings[name]
			}
		}
		return value, ok
	}
}

// inProcess sets all functions of the template up in this process. Each finds
// the variables that the template declares for it, and no others.
func inProcess(
	ctx context.Context, functions []*template.Function, settings map[string]string, log *slog.Logger,
) ([]lambda.Function, error) {
	if os.Getenv("GOGC") == "" {
		// So little stays that a collection whenever it has doubled would be a tenth of all work.
		debug.SetGCPercent(400)
	}
	out := make([]lambda.Function, len(functions))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, f := range functions {
		open := setups()[path.Clean(f.CodeURI)]
		if open == nil {
			return nil, fmt.Errorf("%s has its code in %s, which is not in this program: "+
				"local/inprocess.go lists what is", f.Name, f.CodeURI)
		}
		group.Go(func() error {
			variables := environment(f, settings)
			lookup := lookupIn(variables, settings)
			// The group's context would end with the group.
			h, err := open(context.WithoutCancel(groupCtx), lookup, log.With(slog.String("function", f.Name)))
			if err != nil {
				return fmt.Errorf("%s cannot start: %w", f.Name, err)
			}
			out[i] = lambda.Function{
				Name: f.Name, Handler: h, MemoryMB: f.MemoryMB, Timeout: f.Timeout, Variables: variables,
			}
			return nil
		})
	}
	return out, group.Wait()
}
