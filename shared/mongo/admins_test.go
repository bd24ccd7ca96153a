package mongo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
)

func TestAdmins_Rehash(t *testing.T) {
	t.Parallel()
	mongotest.Each(t, func(t *testing.T, db *mongo.Database) {
		old := password.Hash{Alg: password.Legacy, Hash: "$2b$12$old"}
		is := password.Hash{Alg: password.BcryptV1, Pepper: "p1", Hash: "$2b$12$new"}
		a := organization.Admin{
			ID: organization.NewID(time.Now()), Email: "a@example.com", Password: old, CredentialVersion: "v1", Rev: 3,
		}
		must.Do(t, db.Admins().Insert(t.Context(), a))
		for _, step := range []struct {
			doing string
			id    organization.ID
			old   password.Hash
			want  bool
		}{
			{"another hash", a.ID, is, false},
			{"another admin", organization.ID{1}, old, false},
			{"the hash that is there", a.ID, old, true},
			{"the hash that was there", a.ID, old, false},
		} {
			ok, err := db.Admins().Rehash(t.Context(), step.id, step.old, is)
			if err != nil || ok != step.want {
				t.Errorf("Rehash of %s = %t, %v, want %t", step.doing, ok, err, step.want)
			}
		}
		a.Password = is
		got := must.Get(db.Admins().Find(t.Context(), a.ID))(t)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Errorf("Find (-want +got), only the hash may differ:\n%s", diff)
		}
	})
}
