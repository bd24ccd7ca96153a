package organization

import (
	"context"
	"errors"
	"fmt"
)

// outcome is what became of a compare-and-set.
type outcome string

const (
	applied outcome = "applied" // it is done, and cannot be rolled back
	// refused: the organization had changed since it was read; it was not applied, and never will be.
	refused outcome = "refused"
	// overtaken: answers were lost, and the organization is not as it was; it was
	// refused, or was applied and others have gone on from there.
	overtaken outcome = "overtaken"
)

// compareAndSwap writes is in the place of was (compare-and-set) and finds out what
// became of it: it is sent until it is answered, and after a lost answer what
// is there now decides. Every decision, take-over and end of an operation is
// one. doubt is called with every lost answer, and may give up; nil: a few are
// lost. now is the organization as it is then.
//
// What is read after a lost answer is believed only where it cannot be rolled
// back: on a primary that was cut off from the others a plain read shows the
// write, and the next primary does not have it.
func (w *worker) compareAndSwap(
	ctx context.Context, doing string, was, is Organization, doubt func(ctx context.Context, lost error) error,
) (now Organization, v outcome, err error) {
	for lost := false; ; {
		ok, err := w.store.Organizations.CompareAndSwap(ctx, was, is)
		switch {
		case ok:
			is.Rev = was.Rev + 1
			return is, applied, nil
		case errors.Is(err, ErrLost):
			lost = true
			if doubt == nil {
				err = w.countLost(err)
			} else {
				err = doubt(ctx, err)
			}
			if err != nil {
				return Organization{}, overtaken, err
			}
		case err != nil:
			return Organization{}, refused, fmt.Errorf("%s: %w", doing, err)
		case !lost:
			return Organization{}, refused, nil
		}
		now, err := w.confirm(ctx, was.ID)
		switch {
		case err != nil:
			return Organization{}, overtaken, err
		case wrote(now, was, is):
			return now, applied, nil
		case now.Rev != was.Rev || now.State != was.State:
			return now, overtaken, nil
		}
	}
}

// wrote reports whether now is what a swap of was by is has written. Every write
// raises Rev by one, and what tells two writes apart at one Rev is compared.
func wrote(now, was, is Organization) bool {
	if now.Rev != was.Rev+1 || now.State != is.State || now.Name != is.Name || !now.UpdatedAt.Equal(is.UpdatedAt) {
		return false
	}
	if now.Op == nil || is.Op == nil {
		return now.Op == is.Op
	}
	return now.Op.ID == is.Op.ID && now.Op.Worker == is.Op.Worker && now.Op.Aside == is.Op.Aside
}
