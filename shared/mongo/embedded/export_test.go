package embedded

import "oms/shared/mongo/wire"

// CommandName is what the gate takes the command in a whole message to be; empty where it
// understands none.
func CommandName(message []byte) string { return wire.Parse(message).Name }
