// Command docs is what AWS Lambda runs for package docs.
package main

import (
	docs "oms/functions/docs"
	"oms/shared/edge"
)

func main() { edge.Main(docs.Setup) }
