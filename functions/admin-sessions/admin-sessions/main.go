// Command admin-sessions is what AWS Lambda runs for package adminsessions.
package main

import (
	adminsessions "oms/functions/admin-sessions"
	"oms/shared/edge"
)

func main() { edge.Main(adminsessions.Setup) }
