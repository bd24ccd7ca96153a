// Command org-get is what AWS Lambda runs for package orgget.
package main

import (
	orgget "oms/functions/org-get"
	"oms/shared/edge"
)

func main() { edge.Main(orgget.Setup) }
