package embedded

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wire"
)

// codeMaxTimeExpired is MaxTimeMSExpired of
// https://www.mongodb.com/docs/manual/reference/error-codes/.
const codeMaxTimeExpired = 50

// expiredReply is the answer to a command that waited longer than its maxTimeMS: the one that
// mongod gives (https://www.mongodb.com/docs/manual/reference/method/cursor.maxTimeMS/).
func expiredReply(m wire.Message) (wire.Message, error) {
	return wire.Reply(m, bson.D{
		{Key: "ok", Value: 0.0},
		{Key: "errmsg", Value: "operation exceeded time limit while it waited for its turn to write"},
		{Key: "code", Value: int32(codeMaxTimeExpired)},
		{Key: "codeName", Value: "MaxTimeMSExpired"},
	})
}
