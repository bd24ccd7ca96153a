package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
	"oms/shared/password"
)

const requestsName = "requests"

// requests is the collection requests.
type requests struct{ d *Database }

type requestDocument struct {
	ID        string             `bson:"_id"`
	Body      string             `bson:"body"`
	Password  passwordDocument   `bson:"password"`
	IDs       requestIDsDocument `bson:"ids"`
	Answer    answerDocument     `bson:"answer"`
	Worker    bson.ObjectID      `bson:"worker"`
	Lease     time.Time          `bson:"lease"`
	Done      bool               `bson:"done"`
	CreatedAt time.Time          `bson:"created_at"`
}

type requestIDsDocument struct {
	Organization bson.ObjectID `bson:"organization"`
	Admin        bson.ObjectID `bson:"admin"`
	Claim        bson.ObjectID `bson:"claim"`
	Op           bson.ObjectID `bson:"op"`
}

type answerDocument struct {
	ID         bson.ObjectID `bson:"id"`
	Name       string        `bson:"name"`
	Collection string        `bson:"collection"`
	AdminEmail string        `bson:"admin_email"`
	CreatedAt  time.Time     `bson:"created_at"`
	UpdatedAt  time.Time     `bson:"updated_at"`
	Version    int64         `bson:"version"`
}

func (s requests) Find(ctx context.Context, id string) (organization.Request, error) {
	document, err := findLinearizable[requestDocument](ctx, s.d, "reading a request", requestsName, bson.M{"_id": id})
	return document.request(), err
}

func (s requests) Insert(ctx context.Context, r organization.Request) error {
	return s.d.insert(ctx, "inserting a request", requestsName, requestOf(r),
		unique{bson.M{"_id": r.ID}, organization.ErrExists})
}

// TakeOver: of several who find a lease over, one goes on.
func (s requests) TakeOver(
	ctx context.Context, was organization.Request, worker organization.ID, lease time.Time,
) (bool, error) {
	return s.d.update(ctx, "taking over a request", requestsName, leased(was),
		bson.M{"$set": bson.M{"worker": objectID(worker), "lease": lease}})
}

func (s requests) Finish(ctx context.Context, id string, ids organization.RequestIDs) error {
	_, err := s.d.update(ctx, "finishing a request", requestsName,
		bson.M{"_id": id, "ids.organization": objectID(ids.Organization)}, bson.M{"$set": bson.M{"done": true}})
	return err
}

// Delete: a late one hits nobody else's.
func (s requests) Delete(ctx context.Context, r organization.Request) error {
	_, err := s.d.remove(ctx, "deleting a request", requestsName, leased(r))
	return err
}

func (s requests) DeleteBefore(ctx context.Context, t time.Time) (int, error) {
	return s.d.removeAll(ctx, "deleting old requests", requestsName, bson.M{"created_at": bson.M{"$lt": t}})
}

func leased(r organization.Request) bson.M {
	return bson.M{"_id": r.ID, "worker": objectID(r.Worker), "lease": r.Lease}
}

func requestOf(r organization.Request) requestDocument {
	a := r.Answer
	return requestDocument{
		ID: r.ID, Body: r.Body, Password: passwordDocument(r.Password),
		IDs: requestIDsDocument{
			Organization: objectID(r.IDs.Organization), Admin: objectID(r.IDs.Admin),
			Claim: objectID(r.IDs.Claim), Op: objectID(r.IDs.Op),
		},
		Answer: answerDocument{
			ID: objectID(a.ID), Name: a.Name, Collection: a.Collection, AdminEmail: a.AdminEmail,
			CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Version: a.Version,
		},
		Worker: objectID(r.Worker), Lease: r.Lease, Done: r.Done, CreatedAt: r.CreatedAt,
	}
}

func (document requestDocument) request() organization.Request {
	ids, a := document.IDs, document.Answer
	return organization.Request{
		ID: document.ID, Body: document.Body, Password: password.Hash(document.Password),
		IDs: organization.RequestIDs{
			Organization: organization.ID(ids.Organization), Admin: organization.ID(ids.Admin),
			Claim: organization.ID(ids.Claim), Op: organization.ID(ids.Op),
		},
		Answer: organization.Created{View: organization.View{
			ID: organization.ID(a.ID), Name: a.Name, Collection: a.Collection, AdminEmail: a.AdminEmail,
			CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Version: a.Version,
		}},
		Worker: organization.ID(document.Worker), Lease: document.Lease, Done: document.Done,
		CreatedAt: document.CreatedAt,
	}
}
