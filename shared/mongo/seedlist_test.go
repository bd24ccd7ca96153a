package mongo_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

// The types of records, and the codes of answers (RFC 1035, sections 3.2.2 and 4.1.1; RFC 2782).
const (
	typeA, typeTXT, typeSRV = 1, 16, 33

	noError, serverFailure, noSuchName, silence = 0, 2, 3, -1
)

// nameServer answers as a test says, over UDP.
type nameServer struct {
	conn net.PacketConn
	mu   sync.Mutex
	code map[uint16]int    // of answers about a type of record; else those below
	data map[uint16][]byte // the one record of a type, for every name; none: no such name
}

// newNameServer knows the servers db.cluster.example and port, at 127.0.0.1, of the name cluster.example.
func newNameServer(tb testing.TB, port int) *nameServer {
	tb.Helper()
	conn := must.Get((&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0"))(tb)
	n := &nameServer{conn: conn, code: map[uint16]int{}, data: map[uint16][]byte{typeA: {127, 0, 0, 1}}}
	//nolint:gosec // G115: it is a port
	n.data[typeSRV] = append(binary.BigEndian.AppendUint16(make([]byte, 4), uint16(port)),
		"\x02db\x07cluster\x07example\x00"...)
	var served sync.WaitGroup
	served.Go(n.serve)
	tb.Cleanup(func() {
		_ = conn.Close()
		served.Wait()
	})
	return n
}

func (n *nameServer) serve() {
	query := make([]byte, 4096)
	for {
		size, from, err := n.conn.ReadFrom(query)
		if err != nil {
			return
		}
		end := 12 + bytes.IndexByte(query[12:size], 0) + 1 // of the name
		kind := binary.BigEndian.Uint16(query[end:])
		n.mu.Lock()
		data, there := n.data[kind]
		code, said := n.code[kind]
		n.mu.Unlock()
		if !said && !there {
			code = noSuchName
		}
		if code == silence {
			continue
		}
		records := byte(0)
		if code == noError {
			records = 1
		}
		answer := append(bytes.Clone(query[:2]), 0x81, 0x80|byte(code), 0, 1, 0, records, 0, 0, 0, 0)
		answer = append(answer, query[12:end+4]...)
		if records > 0 {
			answer = append(binary.BigEndian.AppendUint16(append(answer, 0xc0, 12), kind), 0, 1, 0, 0, 0, 0)
			//nolint:gosec // G115: tests say little
			answer = append(binary.BigEndian.AppendUint16(answer, uint16(len(data))), data...)
		}
		_, _ = n.conn.WriteTo(answer, from)
	}
}

// answers sets the code of answers about a type of record.
func (n *nameServer) answers(kind uint16, code int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.code[kind] = code
}

func (n *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func TestOpen_GoesOnWhenTheNameServerAnswersAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scheme string
		kind   uint16
		code   int
	}{
		"which fails for the servers of a name":         {"mongodb+srv", typeSRV, serverFailure},
		"which knows no servers of the name":            {"mongodb+srv", typeSRV, noSuchName},
		"which is silent about the servers of a name":   {"mongodb+srv", typeSRV, silence},
		"which fails for the options of a name":         {"mongodb+srv", typeTXT, serverFailure},
		"which fails for the address of a found server": {"mongodb+srv", typeA, serverFailure},
		"which fails for the address of a server":       {"mongodb", typeA, serverFailure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sources := make(chan string, 1)
			f := wiretest.NewFake(t, 17, func(_ string, saslStart bson.Raw) bson.D {
				select {
				case sources <- saslStart.Lookup("$db").StringValue(): // where the user is known
				default:
				}
				return bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 18}}
			})
			port := f.Addr().(*net.TCPAddr).Port
			n := newNameServer(t, port)
			option := "authSource=txt"
			n.data[typeTXT] = []byte("\x0e" + option)
			n.answers(tt.kind, tt.code)

			host, options := "cluster.example", "tls=false&authMechanism=SCRAM-SHA-256"
			if tt.scheme == "mongodb" {
				host, options = fmt.Sprintf("db.cluster.example:%d", port), options+"&"+option
			}
			var log bytes.Buffer
			db, err := mongo.Open(t.Context(), mongo.Config{
				URI: tt.scheme + "://" + credentials + "@" + host + "/?" + options, Database: "master",
				Resolver: n.resolver(), Log: slog.New(slog.NewTextHandler(&log, nil)), StartBy: time.Now(),
			})
			if err != nil {
				t.Fatalf("Open = %v, want none: a name server may be away", err)
			}
			defer func() { _ = db.Close(t.Context()) }()
			if err := db.Ping(t.Context()); !errors.Is(err, organization.ErrLost) || !strings.Contains(err.Error(),
				"looking up") {
				t.Errorf("Ping = %v, want %v, and what is looked for", err, organization.ErrLost)
			}
			n.answers(tt.kind, noError)
			for len(sources) == 0 && t.Context().Err() == nil {
				_ = db.Ping(t.Context()) // which waits
			}
			if source := <-sources; source != "txt" {
				t.Errorf("the server is asked for a user of %q, want of txt, as the TXT record says", source)
			}
			must.Do(t, db.Close(t.Context())) // nothing is logged after that
			wantNoSecret(t, log.String(), "cluster.example")
		})
	}
}

func TestOpen_ClosesWhatIsStillLookedFor(t *testing.T) {
	t.Parallel()
	n := newNameServer(t, 1)
	n.answers(typeSRV, silence)
	db := open(t, mongo.Config{
		URI: "mongodb+srv://cluster.example", Resolver: n.resolver(), StartBy: time.Now(), // and does not wait for it
	})
	must.Do(t, db.Close(t.Context()))
	if err := db.Ping(t.Context()); !errors.Is(err, organization.ErrLost) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Ping of a closed database = %v, want %v", err, organization.ErrLost)
	}
}
