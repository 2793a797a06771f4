/** Manipulated pictures: four kinds are taught, then a new one appears, with fifty labels of it. */
import { share, shuffled } from '../baselines.mjs'
import { CLEAN, KNOWN, NEW, pictures } from './rows.mjs'

export const summary =
  'clean and manipulated pictures, by the noise in them; a new manipulation appears, and fifty of it are labelled'

/** Of clean pictures that may be called manipulated. */
const FALSE_ALARMS = 0.02
/** Pixels along a side for a test. */
const TINY = 32

const views = {
  photos: ({ picture }) => ({ image: picture.toString('base64') }),
  residuals: ({ residual }) => ({ image: residual.toString('base64') }),
  both: ({ picture, residual }) => ({
    fields: {
      photo: { image: picture.toString('base64') },
      residual: { image: residual.toString('base64') },
    },
  }),
}
const names = { photos: 'picture', residuals: 'residual', both: 'both' }

export async function play({ model, random, small, say, progress }) {
  const side = small ? TINY : undefined
  const [each, added, asking, ordinary] = small ? [4, 4, 4, 4] : [80, 50, 50, 100]
  const all = (KNOWN.length + 1) * (each + asking) + added + 2 * ordinary
  say(`${all} pictures of a made camera, clean and manipulated`)
  let drawn = 0
  const made = async (labels, count) =>
    pictures(random, labels, { count, side, onMade: () => progress((drawn += 1), all, 'made') })
  const taught = shuffled(await made([CLEAN, ...KNOWN], each), random)
  const recent = await made([NEW], added)
  const clean = await made([CLEAN], ordinary)
  const asked = await made([...KNOWN, NEW], asking)
  const unseen = await made([CLEAN], ordinary)

  const before = await learned(`${taught.length} pictures, a fifth of them clean`, taught)
  const after = await learned(`${recent.length} pictures that are ${NEW}, which is new`, recent)
  const rows = [before, after].flatMap((step, at) =>
    Object.keys(views).map((view) => ({
      name: `${names[view]}, ${at === 0 ? `${taught.length} taught` : `and ${added} new ones`}`,
      ...step[view],
    })),
  )
  const labels = [...KNOWN, NEW]
  const luck = labels.map(() => FALSE_ALARMS)
  return [
    {
      title: 'AUC: how often a manipulated picture is more suspect than a clean one',
      columns: labels,
      rows: [
        ['by chance', ...labels.map(() => 0.5)],
        ...rows.map(({ name, scores }) => [
          name,
          ...labels.map((label) => auc(scores.unseen, scores[label])),
        ]),
      ],
    },
    {
      title: `found, where 2 of 100 clean pictures that were set aside are called manipulated`,
      columns: ['of clean ones', ...labels],
      rows: [
        ['by chance', FALSE_ALARMS, ...luck],
        ...rows.map(({ name, scores, limit }) => [
          name,
          ...['unseen', ...labels].map((label) => share(scores[label], (score) => score > limit)),
        ]),
      ],
    },
  ]

  /** The three models side by side, so that one learns while another answers. */
  async function learned(what, lessons) {
    say(`${what}: as pictures, as residuals and as both`)
    const total = Object.keys(views).length * (lessons.length + asked.length + 2 * ordinary)
    let done = 0
    const did = (rows) => progress((done += rows.length), total, 'taught and asked')
    did([])
    const seen = async ([view, inputOf]) => {
      const learner = model(view)
      await learner.teach(lessons.map((row) => ({ input: inputOf(row), label: row.label })))
      did(lessons)
      const suspicion = async (some) => {
        const answers = await learner.ask(some.map(inputOf))
        did(some)
        return answers.map(({ scores }) => 1 - (scores[CLEAN] ?? 0))
      }
      const scores = { unseen: await suspicion(unseen) }
      for (const label of [...KNOWN, NEW])
        scores[label] = await suspicion(asked.filter((row) => row.label === label))
      return [view, { scores, limit: limitOf(await suspicion(clean)) }]
    }
    return Object.fromEntries(await Promise.all(Object.entries(views).map(seen)))
  }
}

/**
 * Above it lies, in the mean, no more than the share of clean pictures that may be called manipulated: with n scores that are as likely
 * in any order as the next one, it is beyond the k-th largest with probability k / (n + 1). Split conformal prediction, Papadopoulos et al. (2002),
 * "Inductive confidence machines for regression", ECML.
 */
function limitOf(scores) {
  const falling = [...scores].sort((one, other) => other - one)
  const rank = Math.max(1, Math.floor(FALSE_ALARMS * (scores.length + 1)))
  return falling[rank - 1]
}

function auc(clean, manipulated) {
  const wins = manipulated.flatMap((one) =>
    clean.map((other) => (one > other ? 1 : one === other ? 0.5 : 0)),
  )
  return wins.reduce((sum, win) => sum + win, 0) / wins.length
}
