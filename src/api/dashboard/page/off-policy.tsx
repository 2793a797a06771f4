/**
 * What versions of a ranking would earn on held-out rewards, when each was made: the estimates with their bounds, oldest first, and in
 * figures for the newest.
 */
import type { Version } from '../../../client/answers.ts'
import { Head } from './elements.tsx'
import { plural, share } from './format.tsx'
import { BOTTOM, HEIGHT, LEFT, rangeOf, RIGHT, TOP, useWidth } from './scale.tsx'

type Facts = NonNullable<Version['off_policy']>
type Value = Facts['candidate']

interface Estimated {
  readonly version: string
  readonly facts: Facts
}

/** `versions`: newest first, as the list has them. */
export function OffPolicyPanel({ versions }: { readonly versions: readonly Version[] }) {
  const estimated = versions
    .flatMap(({ version, off_policy: facts }) => (facts === undefined ? [] : [{ version, facts }]))
    .toReversed()
  const newest = estimated.at(-1)
  if (newest === undefined) return null
  return (
    <section aria-labelledby="off-policy-title">
      <h2 id="off-policy-title">What versions would earn</h2>
      <Estimates estimated={estimated} />
      <p class="note">
        Each bar is a version, with the bounds of its doubly robust estimate (95 %); the dot is its
        value, the ring IPS, the cross SNIPS. The dashed line is the version that was live then.
      </p>
      <EstimateTable {...newest} />
    </section>
  )
}

function Estimates({ estimated }: { readonly estimated: readonly Estimated[] }) {
  const { box, width } = useWidth()
  const values = estimated.flatMap(({ facts: { candidate, live } }) => [
    candidate.dr.low,
    candidate.dr.high,
    ...(live === undefined ? [] : [live.dr.value]),
  ])
  const [low, high] = rangeOf(values, true)
  const room = (width - LEFT - RIGHT) / estimated.length
  const x = (at: number) => LEFT + (at + 0.5) * room
  const y = (value: number) => {
    const within = Math.min(high, Math.max(low, value))
    return TOP + ((high - within) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  }
  const lives = estimated.flatMap(({ facts: { live } }, at) =>
    live === undefined ? [] : [`${x(at).toFixed(1)},${y(live.dr.value).toFixed(1)}`],
  )
  const last = estimated.length - 1
  return (
    <div ref={box} class="chart">
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`Estimated reward of ${plural(estimated.length, 'version')}`}
      >
        {[low, (low + high) / 2, high].map((step) => (
          <g key={step} class="axis">
            <line x1={LEFT} x2={width - RIGHT} y1={y(step)} y2={y(step)} />
            <text x={LEFT - 6} y={y(step) + 4} text-anchor="end">
              {share(step).replace('.0 %', ' %')}
            </text>
          </g>
        ))}
        {lives.length > 0 && <path class="baseline" d={`M${lives.join('L')}`} />}
        {estimated.map(({ version, facts: { candidate } }, at) => {
          const { dr, ips, snips } = candidate
          return (
            <g key={version} class="estimate">
              <title>{`${version}: ${estimateText(dr)}`}</title>
              <line x1={x(at)} x2={x(at)} y1={y(dr.low)} y2={y(dr.high)} />
              <circle class="value" cx={x(at)} cy={y(dr.value)} r={3.5} />
              <circle cx={x(at)} cy={y(ips.value)} r={5.5} />
              <path d={`M${x(at) - 4},${y(snips) - 4}l8,8m0,-8l-8,8`} />
              {(at === 0 || at === last) && (
                <text class="time" x={x(at)} y={HEIGHT - 4} text-anchor="middle">
                  {version}
                </text>
              )}
            </g>
          )
        })}
      </svg>
    </div>
  )
}

function EstimateTable({ version, facts: { candidate, live, logged, harm } }: Estimated) {
  const rows = [
    { name: version, ...candidate },
    ...(live === undefined ? [] : [{ name: 'live then', ...live }]),
  ]
  return (
    <>
      <table>
        <caption>
          {version} on {plural(candidate.choices, 'held-out answer')}, which earned {share(logged)}
        </caption>
        <Head columns={['version']} numbers={['DR', 'IPS', 'SNIPS']} />
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              <td class="right">{estimateText(row.dr)}</td>
              <td class="right">{estimateText(row.ips)}</td>
              <td class="right">{share(row.snips)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {harm !== undefined && harm > 0 && (
        <p class="bad">The version that was live earns at least {share(harm)} more.</p>
      )}
    </>
  )
}

/** Of the way from the least reward to the most. */
export function estimateText({ value, low, high }: Value['dr']): string {
  return `${share(value)} (${share(low)} to ${share(high)})`
}
