package render

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// drawing is a graph in layers from left to right, every node in the layer behind the last of those it depends on.
type drawing struct {
	Width, Height float64
	Boxes         []box
	Wires         []wire
}

// box is a drawn node.
type box struct {
	report.Node
	X, Y, W, H float64
	Label      string
	Tip        string
	Topic      bool
	Anchor     string // the id of the first finding about it on the page, "" where there is none
}

// wire is a drawn edge: a curve from one box's right side to another's left.
type wire struct {
	Path string
	Back bool // against the direction: the edge closes a loop
}

const (
	boxHeight  = 30.0
	boxGap     = 14.0
	layerGap   = 64.0
	boxPad     = 14.0
	maxLabel   = 34 // characters
	drawMargin = 12.0
	sweeps     = 8 // passes that put nodes beside their neighbours
)

// newDrawing lays a graph out; the same graph gives the same drawing. Nil where there is nothing to draw.
func newDrawing(g *report.Graph) *drawing {
	if g == nil || len(g.Nodes) == 0 {
		return nil
	}
	l := newLayers(g)
	l.order()
	return l.draw(g)
}

// layers is a graph under layout. Nodes are told by their index; an edge that spans several layers passes through dummies, which have
// indexes behind the nodes'.
type layers struct {
	edges [][2]int  // between nodes, by index; loops and unknown ends left out
	back  []bool    // parallel: the edge goes against the direction
	rank  []int     // of nodes and dummies
	paths [][]int   // parallel to edges: from, the dummies, to
	rows  [][]int   // by rank, in the order in which they are drawn
	up    [][]int   // neighbours in the layer before
	down  [][]int   // neighbours in the layer behind
	y     []float64 // centre
}

func newLayers(g *report.Graph) *layers {
	index := map[string]int{}
	for i, n := range g.Nodes {
		if _, twice := index[n.ID]; !twice {
			index[n.ID] = i
		}
	}
	l := &layers{rank: make([]int, len(g.Nodes))}
	seen := map[[2]int]bool{}
	for _, e := range g.Edges {
		from, ok := index[e.From]
		to, ok2 := index[e.To]
		if key := [2]int{from, to}; ok && ok2 && from != to && !seen[key] {
			seen[key] = true
			l.edges = append(l.edges, key)
		}
	}
	l.breakLoops(len(g.Nodes))
	l.rankNodes(len(g.Nodes))
	l.thread()
	return l
}

// breakLoops marks the edges that close a loop in a walk from the first node on. The walk keeps its own stack: a chain may be long.
func (l *layers) breakLoops(n int) {
	out := make([][]int, n)
	for i, e := range l.edges {
		out[e[0]] = append(out[e[0]], i)
	}
	l.back = make([]bool, len(l.edges))
	state, next := make([]int, n), make([]int, n)
	for root := range n {
		if state[root] != 0 {
			continue
		}
		state[root] = 1
		for stack := []int{root}; len(stack) > 0; {
			v := stack[len(stack)-1]
			if next[v] == len(out[v]) {
				state[v] = 2
				stack = stack[:len(stack)-1]
				continue
			}
			e := out[v][next[v]]
			next[v]++
			switch to := l.edges[e][1]; state[to] {
			case 0:
				state[to] = 1
				stack = append(stack, to)
			case 1:
				l.back[e] = true
			}
		}
	}
}

// ends are an edge's ends in the direction of the layers.
func (l *layers) ends(e int) (from, to int) {
	if l.back[e] {
		return l.edges[e][1], l.edges[e][0]
	}
	return l.edges[e][0], l.edges[e][1]
}

// rankNodes gives each node the length of the longest path to it (Kahn's order).
func (l *layers) rankNodes(n int) {
	in, out := make([]int, n), make([][]int, n)
	for e := range l.edges {
		from, to := l.ends(e)
		in[to]++
		out[from] = append(out[from], to)
	}
	var queue []int
	for v := range n {
		if in[v] == 0 {
			queue = append(queue, v)
		}
	}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for _, to := range out[v] {
			l.rank[to] = max(l.rank[to], l.rank[v]+1)
			if in[to]--; in[to] == 0 {
				queue = append(queue, to)
			}
		}
	}
}

// thread puts dummies into edges that span layers, and fills the rows.
func (l *layers) thread() {
	for e := range l.edges {
		from, to := l.ends(e)
		path := []int{from}
		for r := l.rank[from] + 1; r < l.rank[to]; r++ {
			path = append(path, len(l.rank))
			l.rank = append(l.rank, r)
		}
		l.paths = append(l.paths, append(path, to))
	}
	l.rows = make([][]int, slices.Max(l.rank)+1)
	l.up, l.down = make([][]int, len(l.rank)), make([][]int, len(l.rank))
	for v, r := range l.rank {
		l.rows[r] = append(l.rows[r], v)
	}
	for _, path := range l.paths {
		for i := 1; i < len(path); i++ {
			l.down[path[i-1]] = append(l.down[path[i-1]], path[i])
			l.up[path[i]] = append(l.up[path[i]], path[i-1])
		}
	}
}

// order sorts each layer by the mean place of its neighbours, forth and back, which leaves few crossings.
func (l *layers) order() {
	at := make([]float64, len(l.rank))
	place := func(row []int) {
		for i, v := range row {
			at[v] = float64(i) - float64(len(row)-1)/2
		}
	}
	for _, row := range l.rows {
		place(row)
	}
	by := func(row []int, near [][]int) {
		mean := map[int]float64{}
		for _, v := range row {
			mean[v] = at[v]
			if len(near[v]) > 0 {
				sum := 0.0
				for _, w := range near[v] {
					sum += at[w]
				}
				mean[v] = sum / float64(len(near[v]))
			}
		}
		slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
		place(row)
	}
	for range sweeps {
		for r := 1; r < len(l.rows); r++ {
			by(l.rows[r], l.up)
		}
		for r := len(l.rows) - 2; r >= 0; r-- {
			by(l.rows[r], l.down)
		}
	}
}

// settle gives every node its height: as near to its neighbours as those above it in the layer let it.
func (l *layers) settle(step float64) {
	l.y = make([]float64, len(l.rank))
	for _, row := range l.rows {
		for i, v := range row {
			l.y[v] = float64(i) * step
		}
	}
	pull := func(row []int, near [][]int) {
		want := make([]float64, len(row))
		for i, v := range row {
			want[i] = l.y[v]
			if len(near[v]) > 0 {
				sum := 0.0
				for _, w := range near[v] {
					sum += l.y[w]
				}
				want[i] = sum / float64(len(near[v]))
			}
		}
		// Those that want the same place share it: each block lies around the mean of what its members want.
		type block struct {
			sum   float64
			first int
			n     int
		}
		var blocks []block
		top := func(b block) float64 { return b.sum/float64(b.n) - float64(b.n-1)/2*step }
		for i := range row {
			blocks = append(blocks, block{want[i], i, 1})
			for len(blocks) > 1 {
				a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
				if top(a)+float64(a.n)*step <= top(b) {
					break
				}
				blocks = append(blocks[:len(blocks)-2], block{a.sum + b.sum, a.first, a.n + b.n})
			}
		}
		for _, b := range blocks {
			y := top(b)
			for i := range b.n {
				l.y[row[b.first+i]] = y + float64(i)*step
			}
		}
	}
	for range sweeps {
		for r := 1; r < len(l.rows); r++ {
			pull(l.rows[r], l.up)
		}
		for r := len(l.rows) - 2; r >= 0; r-- {
			pull(l.rows[r], l.down)
		}
	}
	least := slices.Min(l.y)
	for v := range l.y {
		l.y[v] -= least
	}
}

func (l *layers) draw(g *report.Graph) *drawing {
	l.settle(boxHeight + boxGap)
	d := &drawing{}
	boxes := make([]box, len(g.Nodes))
	left, wide := make([]float64, len(l.rows)), make([]float64, len(l.rows))
	for i, n := range g.Nodes {
		b := box{Node: n, Label: clipped(n.Name, maxLabel), Tip: nodeTip(n), Topic: n.Kind == report.TopicNode, H: boxHeight}
		b.W = float64(utf8.RuneCountInString(b.Label))*charWidth + 2*boxPad
		wide[l.rank[i]] = max(wide[l.rank[i]], b.W)
		boxes[i] = b
	}
	at := drawMargin
	for r := range l.rows {
		left[r] = at
		at += wide[r] + layerGap
	}
	d.Width = at - layerGap + drawMargin
	centre := func(v int) float64 { return l.y[v] + boxHeight/2 + drawMargin }
	for i := range boxes {
		b := &boxes[i]
		r := l.rank[i]
		b.X, b.Y = left[r]+(wide[r]-b.W)/2, l.y[i]+drawMargin
	}
	for v := range l.rank {
		d.Height = max(d.Height, l.y[v]+boxHeight+2*drawMargin)
	}
	for e, path := range l.paths {
		d.Wires = append(d.Wires, wire{Path: l.curve(path, boxes, left, wide, centre), Back: l.back[e]})
	}
	d.Boxes = boxes
	return d
}

// curve is an edge's path: through its dummies, level across their layers.
func (l *layers) curve(path []int, boxes []box, left, wide []float64, centre func(int) float64) string {
	from := boxes[path[0]]
	x, y := from.X+from.W, centre(path[0])
	s := "M" + px(x) + " " + px(y)
	for i, v := range path[1:] {
		toX, toY := left[l.rank[v]], centre(v)
		last := i == len(path)-2
		if last {
			toX = boxes[v].X
		}
		mid := (x + toX) / 2
		s += " C" + px(mid) + " " + px(y) + " " + px(mid) + " " + px(toY) + " " + px(toX) + " " + px(toY)
		x, y = toX, toY
		if !last {
			x += wide[l.rank[v]]
			s += " L" + px(x) + " " + px(y)
		}
	}
	return s
}

func clipped(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	return string(r[:most-1]) + "…"
}
