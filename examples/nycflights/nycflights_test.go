package nycflights

import (
	"testing"
	"time"
)

func TestFlightsEndNowInOrder(t *testing.T) {
	end := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	list, err := Flights(end)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 27004 {
		t.Errorf("%d flights, want 27004", len(list))
	}
	cancelled := 0
	for i, f := range list {
		if i > 0 && f.At.Before(list[i-1].At) {
			t.Fatalf("flight %d departs before the one in front of it", i)
		}
		if f.Cancelled {
			cancelled++
		}
	}
	if cancelled != 521 {
		t.Errorf("%d cancelled, want 521", cancelled)
	}
	if got := list[len(list)-1].At; !got.Equal(end) {
		t.Errorf("the month ends at %s, want %s", got, end)
	}
	if span := end.Sub(list[0].At); span < 30*24*time.Hour || span > 33*24*time.Hour {
		t.Errorf("the month is %s long", span)
	}
}

func TestAirlines(t *testing.T) {
	list, err := Airlines()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 16 || list[0] != (Airline{"9E", "Endeavor Air Inc."}) {
		t.Errorf("got %d airlines, the first %v", len(list), list[0])
	}
}
