/**
 * A CPU profile of V8 as a flame graph: one SVG that needs nothing else. The width of a frame is its share of the samples,
 * its callers stand below it. Idle time is left out.
 *
 * Gregg (2016), "The flame graph", Communications of the ACM 59(6).
 */
const WIDTH = 1200
const ROW = 17
/** Narrower frames are not drawn. */
const LEAST = 0.3
const IDLE = new Set(['(idle)', '(root)'])

/** Samples by function, the most of its own first, without idle time. */
export function hottest({ nodes, samples }, most = 15) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const own = new Map()
  let all = 0
  for (const id of samples) {
    const name = nameOf(byId.get(id).callFrame)
    if (IDLE.has(name)) continue
    all += 1
    own.set(name, (own.get(name) ?? 0) + 1)
  }
  const sorted = [...own].sort(([, one], [, other]) => other - one).slice(0, most)
  return sorted.map(([name, count]) => ({
    name,
    share: Math.round((10_000 * count) / all) / 10_000,
  }))
}

export function flameGraph(profile, title) {
  const root = treeOf(profile)
  const frames = []
  let deepest = 0
  const place = (node, x, depth) => {
    const width = (WIDTH * node.count) / Math.max(1, root.count)
    if (width < LEAST) return
    deepest = Math.max(deepest, depth)
    frames.push({ node, x, width, depth })
    let from = x
    for (const child of node.children.values()) {
      place(child, from, depth + 1)
      from += (WIDTH * child.count) / Math.max(1, root.count)
    }
  }
  place(root, 0, 0)
  const height = (deepest + 3) * ROW
  const drawn = frames.map((frame) => drawnFrame(frame, root.count, height)).join('\n')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="4" y="13">${escaped(title)}</text>
${drawn}
</svg>
`
}

/** Equal frames under equal callers are one. */
function treeOf({ nodes, samples }) {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  )
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const root = emptyNode('all')
  for (const id of samples) {
    const stack = stackOf(id, parents, names)
    if (stack.some((name) => name === '(idle)')) continue
    root.count += 1
    let at = root
    for (const name of stack) {
      if (!at.children.has(name)) at.children.set(name, emptyNode(name))
      at = at.children.get(name)
      at.count += 1
    }
  }
  return root
}

function stackOf(id, parents, names) {
  const stack = []
  for (let at = id; at !== undefined; at = parents.get(at)) stack.unshift(names.get(at))
  return stack.filter((name) => name !== '(root)')
}

function emptyNode(name) {
  return { name, count: 0, children: new Map() }
}

function nameOf({ functionName, url, lineNumber }) {
  const file = url.split('/').slice(-2).join('/')
  const name = functionName === '' ? '(anonymous)' : functionName
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`
}

function drawnFrame({ node, x, width, depth }, all, height) {
  const y = height - (depth + 1) * ROW
  const share = ((100 * node.count) / Math.max(1, all)).toFixed(1)
  const label = node.name.slice(0, Math.max(0, Math.floor((width - 4) / 6.6)))
  const text =
    label.length < 3 ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`
  return `<g><title>${escaped(node.name)}: ${node.count} samples, ${share} %</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(node.name)}"/>${text}</g>`
}

/** The same for a function wherever it stands. */
function colour(name) {
  let hash = 0
  for (const character of name) hash = (31 * hash + character.codePointAt(0)) % 997
  return `hsl(${hash % 55} 85% ${62 + (hash % 13)}%)`
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
