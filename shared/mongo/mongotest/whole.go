package mongotest

import "os"

// Whole tells whether tests that have a quick form shall take their whole one:
// where OMS_TEST_WHOLE is set, as `make crashpoints` and its neighbours do.
func Whole() bool { return os.Getenv("OMS_TEST_WHOLE") != "" }
