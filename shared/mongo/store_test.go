package mongo_test

import (
	"os"
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization/storetest"
)

func TestStore_KeepsTheContract(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		storetest.TestStore(t, func(t *testing.T) storetest.Subject {
			db := e.Open(t)
			must.Do(t, db.EnsureIndexes(t.Context()))
			return storetest.Subject{
				Store: db.Store(), Writer: e.Writer(t, db.Name()),
				LooseRenames: e.Name == "server" && os.Getenv("MONGO_TEST_LOOSE_RENAMES") != "",
			}
		})
	})
}
