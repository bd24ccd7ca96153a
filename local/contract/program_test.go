package contract_test

import (
	"flag"
	"strconv"
	"testing"

	"oms/local/localtest"
)

//nolint:gochecknoglobals // a flag
var inProcess = flag.Bool("in-process", false, "run the functions in the service's own process; "+
	"where GOCOVERDIR is set, its coverage goes there")

// built is the service, ready to be started.
type built struct {
	localtest.Built
	throttled bool // by the template's rates; else it is not, for tests send more
}

func build(tb testing.TB) built {
	tb.Helper()
	if *inProcess {
		return built{Built: localtest.BuildInProcess(tb)}
	}
	return built{Built: localtest.Build(tb)}
}

// start starts the service with its data in a folder. Functions that ask for a
// whole CPU share what the machine has and, on one with two, run one at a time;
// here they are to meet one another. And reconcile runs when a test says so, not
// once a minute: else it may be at the very work that a test left half done for
// somebody else to finish.
func (b built) start(tb testing.TB, data string, environ ...string) *localtest.Program {
	tb.Helper()
	template := localtest.Template(tb, "../../template.yaml", map[string]string{
		"MemorySize: 1769":                   "MemorySize: 512",
		"ScheduleExpression: rate(1 minute)": "ScheduleExpression: rate(1 day)",
	})
	return localtest.Start(tb, localtest.Command(
		b.Service, data, append([]string{"STAGE=local", "BCRYPT_COST=4"}, environ...),
		"-template", template, "-data", data, "-functions", b.Functions,
		"-in-process="+strconv.FormatBool(b.Functions == ""), "-throttle="+strconv.FormatBool(b.throttled),
	))
}
