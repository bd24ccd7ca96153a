package mongotest

import "os"

// Full reports whether tests that have a quick form shall take their whole one:
// where OMS_TEST_FULL is set, as `make stress` does.
func Full() bool { return os.Getenv("OMS_TEST_FULL") != "" }
