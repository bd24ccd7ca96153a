// Command admin-login is what AWS Lambda runs for package adminlogin.
package main

import (
	adminlogin "oms/functions/admin-login"
	"oms/shared/edge"
)

func main() { edge.Main(adminlogin.Setup) }
