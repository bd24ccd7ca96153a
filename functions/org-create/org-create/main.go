// Command org-create is what AWS Lambda runs for package orgcreate.
package main

import (
	orgcreate "oms/functions/org-create"
	"oms/shared/edge"
)

func main() { edge.Main(orgcreate.Setup) }
