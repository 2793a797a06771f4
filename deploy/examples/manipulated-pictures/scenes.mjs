/**
 * Drawn scenes as a camera would take them: soft textures and shapes, light through a mosaic of colour filters, noise, and what the
 * camera fills in between. Nothing in them is a picture of anyone or anything, and each has the traces that a real one has.
 */

/** Bytes of red, green and blue, row by row. All draws are made before it returns. */
export function photograph(random, side) {
  return exposed(random, enlarged(scene(random, side / 2), side / 2), side)
}

/** Light from 0 to 1 in three colours. */
function scene(random, side) {
  const light = textured(random, side, 0.25 + 0.5 * random.uniform())
  const shapes = 4 + random.below(5)
  for (let shape = 0; shape < shapes; shape += 1) {
    const texture = textured(random, side, 0.1 + 0.8 * random.uniform())
    const cover = covered(random, side)
    for (let at = 0; at < cover.length; at += 1) {
      const share = cover[at]
      if (share === 0) continue
      for (let c = 3 * at; c < 3 * at + 3; c += 1)
        light[c] = (1 - share) * light[c] + share * texture[c]
    }
  }
  return light
}

/** Noise of several widths around one colour: 1/f, as in nature, smoother or rougher by chance. */
function textured(random, side, level) {
  const light = new Float32Array(3 * side * side)
  const colour = [0, 1, 2].map(() => level * (0.6 + 0.8 * random.uniform()))
  for (let at = 0; at < light.length; at += 1) light[at] = colour[at % 3]
  const fall = 0.35 + 0.4 * random.uniform()
  let size = 0.5 * level
  for (let cells = 3; cells < side; cells = 2 * cells + 1, size *= fall)
    addNoise(random, light, { side, cells, size })
  for (let at = 0; at < light.length; at += 1) light[at] = Math.min(1, Math.max(0, light[at]))
  return light
}

/** Grey noise between the knots of a grid, bent smoothly. */
function addNoise(random, light, { side, cells, size }) {
  const wide = cells + 1
  const knots = Float32Array.from({ length: wide * wide }, () => size * (random.uniform() - 0.5))
  const places = Array.from({ length: side }, (_, at) => {
    const place = (at * (cells - 1)) / side
    const knot = Math.floor(place)
    const part = place - knot
    return { knot, part: part * part * (3 - 2 * part) }
  })
  for (let y = 0; y < side; y += 1) {
    const { knot: down, part: v } = places[y]
    for (let x = 0; x < side; x += 1) {
      const { knot: right, part: u } = places[x]
      const from = down * wide + right
      const above = knots[from] + u * (knots[from + 1] - knots[from])
      const below = knots[from + wide] + u * (knots[from + wide + 1] - knots[from + wide])
      const value = above + v * (below - above)
      const at = 3 * (y * side + x)
      light[at] += value
      light[at + 1] += value
      light[at + 2] += value
    }
  }
}

/** How much of each place an ellipse covers that is somewhere, with an edge of one to four pixels. */
export function covered(random, side, edge = 1 + 3 * random.uniform()) {
  const [x0, y0] = [random.uniform() * side, random.uniform() * side]
  const [a, b] = [0, 1].map(() => side * (0.12 + 0.22 * random.uniform()))
  const turn = Math.PI * random.uniform()
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)]
  const cover = new Float32Array(side * side)
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const [dx, dy] = [x - x0, y - y0]
      const [u, v] = [(cos * dx + sin * dy) / a, (cos * dy - sin * dx) / b]
      const inside = (1 - Math.sqrt(u * u + v * v)) * Math.min(a, b)
      cover[y * side + x] = Math.min(1, Math.max(0, inside / edge))
    }
  return cover
}

/** Twice as large, by the mean of neighbours: what is drawn has no detail that a camera would lose. */
function enlarged(light, side) {
  const large = new Float32Array(4 * light.length)
  const from = (x, y, c) => light[3 * (Math.min(y, side - 1) * side + Math.min(x, side - 1)) + c]
  for (let y = 0; y < 2 * side; y += 1)
    for (let x = 0; x < 2 * side; x += 1)
      for (let c = 0; c < 3; c += 1) {
        const [left, top] = [x >> 1, y >> 1]
        const [right, bottom] = [left + (x % 2), top + (y % 2)]
        large[3 * (2 * y * side + x) + c] =
          (from(left, top, c) +
            from(right, top, c) +
            from(left, bottom, c) +
            from(right, bottom, c)) /
          4
      }
  return large
}

const AROUND = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [right, down]))

/** A Bayer mosaic with shot noise and noise of reading; each colour is filled in from its neighbours; then the gamma of a screen. */
function exposed(random, light, side) {
  const [shot, reading] = [0.008 + 0.02 * random.uniform(), 0.002 + 0.006 * random.uniform()]
  const raw = new Float32Array(side * side)
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const at = y * side + x
      const value = light[3 * at + filterAt(x, y)]
      raw[at] = value + random.normal() * (shot * Math.sqrt(value) + reading)
    }
  return filledIn(raw, side)
}

function filterAt(x, y) {
  if (y % 2 === 0) return x % 2 === 0 ? 0 : 1
  return x % 2 === 0 ? 1 : 2
}

/** The mean of the nearest sensors of each colour; of its own, a place has the sensor alone. The edge is a mirror. */
function filledIn(raw, side) {
  const pixels = Buffer.alloc(3 * side * side)
  const inside = (at) => (at < 0 ? -at : at < side ? at : 2 * (side - 1) - at)
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1)
      for (let colour = 0; colour < 3; colour += 1) {
        const near = sensors[y % 2][x % 2][colour]
        let sum = 0
        for (const [right, down] of near) sum += raw[inside(y + down) * side + inside(x + right)]
        pixels[3 * (y * side + x) + colour] = onScreen(sum / near.length)
      }
  return pixels
}

/** By row and column of the mosaic and by colour: the ways from a place to the sensors that it is filled in from. */
const sensors = [0, 1].map((y) =>
  [0, 1].map((x) =>
    [0, 1, 2].map((colour) =>
      filterAt(x, y) === colour
        ? [[0, 0]]
        : AROUND.filter(([right, down]) => filterAt(x + right, y + down) === colour),
    ),
  ),
)

/** The gamma of a screen, for light in steps of 2⁻¹⁶. */
const screen = Uint8Array.from({ length: 2 ** 16 }, (_, at) =>
  Math.round(255 * (at / (2 ** 16 - 1)) ** (1 / 2.2)),
)

function onScreen(light) {
  return screen[Math.round((2 ** 16 - 1) * Math.min(1, Math.max(0, light)))]
}
