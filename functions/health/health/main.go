// Command health is what AWS Lambda runs for package health.
package main

import (
	health "oms/functions/health"
	"oms/shared/edge"
)

func main() { edge.Main(health.Setup) }
