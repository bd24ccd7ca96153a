package mongo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/dns"
)

const srvScheme = "mongodb+srv://"

// seedlist is a connection string that names a DNS name instead of servers. The
// driver looks its records up twice at a start, without a bound, takes a TXT
// record that it got no answer for as none (v2.10.0), and refuses to go on where
// the name server does not answer; so that is done here, and the driver gets
// the connection string that it would have made ("Initial DNS Seedlist
// Discovery" of the driver specifications). What it would do later, look for
// new routers of a sharded cluster, is left to the instances that start later.
type seedlist struct {
	credentials string   // with their @, as they stand
	host        string   // the name
	database    string   // as it stands
	options     []string // name=value, as they stand
	service     string   // srvServiceName
	most        int      // srvMaxHosts; 0: all
}

// parseSeedlist takes a mongodb+srv:// connection string apart.
func parseSeedlist(uri string) (*seedlist, error) {
	s, tls := new(seedlist), false
	rest := strings.TrimPrefix(uri, srvScheme)
	if credentials, after, ok := strings.Cut(rest, "@"); ok {
		s.credentials, rest = credentials+"@", after
	}
	rest, query, _ := strings.Cut(rest, "?")
	s.host, s.database, _ = strings.Cut(rest, "/")
	if s.host == "" || strings.ContainsAny(s.host, ",:") {
		return nil, errors.New("it needs one name, without a port")
	}
	for _, option := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(option, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		switch strings.ToLower(name) {
		case "srvservicename":
			if s.service, err = url.QueryUnescape(value); err != nil || s.service == "" {
				return nil, errors.New("a name of the service is missing")
			}
		case "srvmaxhosts":
			if s.most, err = strconv.Atoi(value); err != nil || s.most < 0 {
				return nil, errors.New("a number of hosts is not one")
			}
		case "directconnection":
			if value != "false" {
				return nil, errors.New("a name stands for many servers")
			}
		case "tls", "ssl":
			tls = true
			fallthrough
		default:
			s.options = append(s.options, option)
		}
	}
	if !tls { // the scheme's own
		s.options = append(s.options, "tls=true")
	}
	return s, nil
}

// uri returns the connection string of the servers. The options of the TXT
// record come first: those of the connection string win.
func (s *seedlist) uri(servers, txt []string) string {
	return "mongodb://" + s.credentials + strings.Join(servers, ",") + "/" + s.database + "?" +
		strings.Join(append(txt, s.options...), "&")
}

// lookUp returns the connection string of the servers that the name stands for now.
func (s *seedlist) lookUp(ctx context.Context, resolver *net.Resolver) (string, error) {
	var unanswered error
	records := dns.Resolver{
		LookupSRV: func(service, proto, name string) (string, []*net.SRV, error) {
			return resolver.LookupSRV(ctx, service, proto, name)
		},
		LookupTXT: func(name string) ([]string, error) {
			texts, err := resolver.LookupTXT(ctx, name)
			if missing, ok := errors.AsType[*net.DNSError](err); err != nil && (!ok || !missing.IsNotFound) {
				unanswered = err
			}
			return texts, err
		},
	}
	txt, err := records.GetConnectionArgsFromTXT(s.host)
	if err = errors.Join(unanswered, err); err != nil {
		return "", err
	}
	servers, err := records.ParseHosts(s.host, s.service, true)
	if err != nil {
		return "", err
	}
	if s.most > 0 {
		servers = servers[:min(s.most, len(servers))] // which came in a random order
	}
	return s.uri(servers, txt), nil
}

// find connects as soon as the servers are looked up.
func (d *Database) find(ctx context.Context, c Config, s *seedlist) {
	d.persist(ctx, func() error {
		// so that what a lost packet asked is asked again within a command's time
		try, cancel := context.WithTimeout(ctx, bound/2)
		defer cancel()
		uri, err := s.lookUp(try, c.Resolver)
		if err != nil {
			return err
		}
		return d.connect(ctx, c, uri)
	}, func(err error) {
		why := "looking up the servers: "
		if missing, ok := errors.AsType[*net.DNSError](err); ok {
			why += missing.Err
		} else {
			why += "the records are none that the connection string can have" // their text has names in it
		}
		d.health.failure.Store(&why)
		d.log.LogAttrs(ctx, slog.LevelWarn, "database not found yet", slog.String("err", why))
	})
}
