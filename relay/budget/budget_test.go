package budget_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"wpre-relay/relay/budget"
)

// network returns network number i.
func network(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32)
}

// TestGreedyNetworksLeaveAShareForOthers has k networks that take all they get, in turn. Each gets about 1/(k+1) of
// the budget, and another network gets something after all of them.
func TestGreedyNetworksLeaveAShareForOthers(t *testing.T) {
	const total = 1000
	for _, greedy := range []int{1, 2, 4, 9} {
		t.Run(fmt.Sprint(greedy), func(t *testing.T) {
			b := budget.New(total)
			held := make([]int, greedy)
			for more := true; more; {
				more = false
				for i := range held {
					if b.Acquire(network(i), 1) {
						held[i]++
						more = true
					}
				}
			}
			for i, n := range held {
				if share := total / (greedy + 1); n < share-1 || n > share+greedy {
					t.Errorf("network %d holds %d, want about %d", i, n, share)
				}
			}
			if !b.Acquire(network(greedy), total/(greedy+1)/2) {
				t.Errorf("another network gets nothing: %+v", b.Status())
			}
		})
	}
}

// TestBudgetIsNeverExceeded acquires and releases at random and compares the budget with its own sum.
func TestBudgetIsNeverExceeded(t *testing.T) {
	const total = 1 << 20
	b := budget.New(total)
	type piece struct{ network, n int }
	var pieces []piece
	used, refused := 0, uint64(0)
	for range 100_000 {
		if len(pieces) > 0 && rand.N(2) == 0 {
			i := rand.N(len(pieces))
			b.Release(network(pieces[i].network), pieces[i].n)
			used -= pieces[i].n
			pieces[i] = pieces[len(pieces)-1]
			pieces = pieces[:len(pieces)-1]
		} else if p := (piece{rand.N(20), rand.N(total / 10)}); b.Acquire(network(p.network), p.n) {
			pieces = append(pieces, p)
			used += p.n
		} else {
			refused++
		}
		if got, want := b.Status(), (budget.Status{Total: total, Used: used, Refused: refused}); got != want || used > total {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	for _, p := range pieces {
		b.Release(network(p.network), p.n)
	}
	if !b.Acquire(network(0), total/2) {
		t.Errorf("not everything is free after the last release: %+v", b.Status())
	}
}
