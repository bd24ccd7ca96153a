package mongo

import (
	"context"
	"net"
)

// Dial connects as the driver does, and returns the socket below the connection, too.
func Dial(ctx context.Context, address string) (c, socket net.Conn, err error) {
	c, err = new(dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	return c, c.(*timed).Conn, nil
}

// Timed returns the connection that closes the socket when a deadline is missed.
func Timed(socket net.Conn) net.Conn { return &timed{Conn: socket} }
