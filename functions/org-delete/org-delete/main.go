// Command org-delete is what AWS Lambda runs for package orgdelete.
package main

import (
	orgdelete "oms/functions/org-delete"
	"oms/shared/edge"
)

func main() { edge.Main(orgdelete.Setup) }
