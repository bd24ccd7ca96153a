// Command mail is what AWS Lambda runs for package mail.
package main

import (
	"oms/functions/mail"
	"oms/shared/edge"
)

func main() { edge.Job(mail.Setup) }
