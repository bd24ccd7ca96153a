// Command org-update is what AWS Lambda runs for package orgupdate.
package main

import (
	orgupdate "oms/functions/org-update"
	"oms/shared/edge"
)

func main() { edge.Main(orgupdate.Setup) }
