// Command reconcile is what AWS Lambda runs for package reconcile.
package main

import (
	reconcile "oms/functions/reconcile"
	"oms/shared/edge"
)

func main() { edge.Job(reconcile.Setup) }
