package embedded

import "go.mongodb.org/mongo-driver/v2/bson"

// Of https://www.mongodb.com/docs/manual/reference/error-codes/.
const (
	codeUnauthorized         = 13
	codeAuthenticationFailed = 18
	codeMaxTimeExpired       = 50
)

// failure is what the gate answers by itself to a command that does not reach FerretDB: the form
// that mongod gives it.
func failure(code int32, name, message string) bson.D {
	return bson.D{
		{Key: "ok", Value: 0.0},
		{Key: "errmsg", Value: message},
		{Key: "code", Value: code},
		{Key: "codeName", Value: name},
	}
}
