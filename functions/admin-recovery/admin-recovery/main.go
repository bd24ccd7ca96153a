// Command admin-recovery is what AWS Lambda runs for package adminrecovery.
package main

import (
	adminrecovery "oms/functions/admin-recovery"
	"oms/shared/edge"
)

func main() { edge.Main(adminrecovery.Setup) }
