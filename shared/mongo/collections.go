package mongo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/organization"
)

// collections are the collections of the master database themselves.
type collections struct{ d *Database }

// The codes that MongoDB documents for what a collection's name can be
// (manual, error codes).
const (
	namespaceNotFound = 26
	namespaceExists   = 48
)

func (s collections) Find(ctx context.Context, names ...string) (map[string]organization.Collection, error) {
	found := map[string]organization.Collection{}
	if len(names) == 0 {
		return found, ctx.Err()
	}
	doing := "looking for collections"
	// MongoDB looks names up that stand in an $in, and walks through all for
	// most other filters (6.0, src/mongo/db/commands/list_collections.cpp).
	filter := bson.M{"name": bson.M{"$in": names}}
	var raws []bson.Raw
	err := s.d.do(ctx, doing, func(ctx context.Context) error {
		cursor, err := s.d.db.ListCollections(ctx, filter)
		if err != nil {
			return err
		}
		return cursor.All(ctx, &raws)
	})
	if err != nil {
		return nil, err
	}
	documents, err := decode[collectionDocument](doing, raws)
	if err != nil {
		return nil, err
	}
	for _, document := range documents {
		if slices.Contains(names, document.Name) { // a server may ignore the filter (mongo-java-server does)
			uuid := hex.EncodeToString(document.Info.UUID.Data)
			found[document.Name] = organization.Collection{Name: document.Name, UUID: uuid}
		}
	}
	return found, nil
}

// collectionDocument is what listCollections says of a collection.
type collectionDocument struct {
	Name string `bson:"name"`
	Info struct {
		UUID bson.Binary `bson:"uuid"`
	} `bson:"info"`
}

// nameBatch is how many names one command returns: some 100 kB.
const nameBatch = 1000

// List: with names alone MongoDB locks no collection (manual, listCollections,
// nameOnly). It may be long, so it comes in batches, and each has a command's bound by itself.
func (s collections) List(ctx context.Context, prefix string) ([]string, error) {
	doing := "listing collections"
	o := options.ListCollections().SetNameOnly(true).SetBatchSize(nameBatch)
	cursor, err := ask(ctx, s.d, doing, func(ctx context.Context) (*driver.Cursor, error) {
		return s.d.db.ListCollections(ctx, bson.M{"name": beginning(prefix)}, o)
	})
	if err != nil {
		return nil, err
	}
	// A server drops what is not closed after ten minutes by itself.
	defer func() { _ = s.d.do(ctx, doing, cursor.Close) }()
	var names []string
	for {
		more, err := ask(ctx, s.d, doing, func(ctx context.Context) (bool, error) {
			more := cursor.Next(ctx) // asks the server only where the batch before is used up
			return more, cursor.Err()
		})
		if err != nil {
			return nil, err
		}
		if !more {
			slices.Sort(names)
			return names, nil
		}
		var document collectionDocument
		if err := unmarshal(cursor.Current, &document); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		if strings.HasPrefix(document.Name, prefix) { // a server may ignore the filter
			names = append(names, document.Name)
		}
	}
}

// beginning matches the names that begin with prefix: from the prefix itself to
// before the next text of its length. Where its last byte has none in ASCII the
// end is left open.
func beginning(prefix string) bson.M {
	within := bson.M{"$gte": prefix}
	if last := len(prefix) - 1; last >= 0 && prefix[last] < unicode.MaxASCII {
		within["$lt"] = prefix[:last] + string(rune(prefix[last]+1))
	}
	return within
}

// Create: from MongoDB 7.0 on, and through mongos, the command succeeds where the
// collection is there; so there the name is looked up first. What somebody makes
// between the look and the command passes for made here: who must be sure looks
// for documents.
func (s collections) Create(ctx context.Context, name string) error {
	doing := "creating a collection"
	if s.d.health.idempotent.Load() {
		found, err := s.Find(ctx, name)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%s: %w", doing, organization.ErrExists)
		}
	}
	err := s.d.do(ctx, doing, func(ctx context.Context) error { return s.d.db.CreateCollection(ctx, name) })
	r, ok := refused(err)
	if !ok {
		return err
	}
	exists := r.code == namespaceExists
	if !exists {
		found, look := s.Find(ctx, name)
		if look != nil {
			return look
		}
		exists = len(found) > 0
	}
	if exists {
		return fmt.Errorf("%s: %w", doing, organization.ErrExists)
	}
	return told(err, r)
}

// Rename never overwrites: dropTarget is not sent, and is false by itself (manual,
// renameCollection). A server that refuses without one of MongoDB's codes (mongo-java-server)
// is asked which of the two are there. To itself is not sent: MongoDB refuses
// it, another server says that it is done.
func (s collections) Rename(ctx context.Context, from, to string) error {
	doing := "renaming a collection"
	if from == to {
		found, err := s.Find(ctx, from)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%s: %w", doing, organization.ErrAbsent)
		}
		return fmt.Errorf("%s: %w", doing, organization.ErrExists)
	}
	err := s.d.run(ctx, doing, "admin", bson.D{
		{Key: "renameCollection", Value: s.d.Name() + "." + from},
		{Key: "to", Value: s.d.Name() + "." + to},
		{Key: "writeConcern", Value: concern()},
	})
	r, ok := refused(err)
	if !ok {
		return err
	}
	absent, exists := r.code == namespaceNotFound, r.code == namespaceExists
	if !absent && !exists {
		found, look := s.Find(ctx, from, to)
		if look != nil {
			return look
		}
		_, source := found[from]
		_, exists = found[to]
		absent = !source
	}
	switch {
	case absent:
		return fmt.Errorf("%s: %w", doing, organization.ErrAbsent)
	case exists:
		return fmt.Errorf("%s: %w", doing, organization.ErrExists)
	default:
		return told(err, r)
	}
}

func (s collections) Drop(ctx context.Context, name string) error {
	err := s.d.do(ctx, "dropping a collection", func(ctx context.Context) error {
		return s.d.db.Collection(name).Drop(ctx)
	})
	r, ok := refused(err)
	if !ok {
		return err
	}
	found, look := s.Find(ctx, name)
	if look != nil {
		return look
	}
	if len(found) == 0 {
		return nil
	}
	return told(err, r)
}

// told adds the server's message, which here can quote no document: it is what
// an operator needs where a plan's limit of collections is reached.
func told(err error, r refusal) error {
	if r.message == "" {
		return err
	}
	return errors.New(err.Error() + ": " + r.message)
}

// concern is the client's write concern for commands that the driver sends as they are.
func concern() bson.D {
	return bson.D{{Key: "w", Value: "majority"}, {Key: "j", Value: true}}
}
