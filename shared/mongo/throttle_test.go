package mongo_test

import (
	"testing"

	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/throttle/throttletest"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	mongotest.Each(t, func(t *testing.T, db *mongo.Database) { throttletest.TestStore(t, db.Counters()) })
}
