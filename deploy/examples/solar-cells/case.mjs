/** Solar cells in electroluminescence: taught on monocrystalline ones, then on polycrystalline ones, and asked about both. */
import { share, shuffled } from '../baselines.mjs'
import { brightness, cells, drawnCells, KINDS, mirrored } from './rows.mjs'

export const summary =
  'pictures of solar cells, functional or defective: monocrystalline, then polycrystalline ones; the first are not forgotten'

const names = { mono: 'monocrystalline', poly: 'polycrystalline' }

export async function play({ model, random, small, say }) {
  const network = model('cells')
  say('2,624 pictures of ELPV (CC BY-NC-SA 4.0), which pip fetches the first time: 91 MB')
  const rows = small ? await drawnCells(random, 32) : await cells()
  const asked = rows.filter(({ part }) => part === 'asked')
  const taught = rows.filter(({ part }) => part !== 'asked')
  const of = (some, kind) => some.filter((row) => row.kind === kind)

  // Beside the learning, which has a core of its own.
  const [steps, dark] = await Promise.all([learned(), darkOnes()])
  const methods = [['always functional', asked.map(() => 'functional')], dark, ...steps]
  return [
    {
      title: `right answers to ${asked.length} cells that were not taught`,
      columns: ['all', ...KINDS.map((kind) => names[kind])],
      rows: methods.map(([name, said]) => [name, ...rightOf(said)]),
    },
    {
      title: 'defective cells that were found, and functional ones that were called defective',
      columns: KINDS.flatMap((kind) => [`${kind}: found`, `${kind}: false alarms`]),
      rows: methods.map(([name, said]) => [name, ...KINDS.flatMap((kind) => alarms(said, kind))]),
    },
  ]

  async function learned() {
    const steps = []
    for (const kind of KINDS) {
      const own = of(taught, kind)
      say(`${own.length} ${names[kind]} cells to learn, each as it is and mirrored`)
      const lessons = [...own.map(lessonOf), ...(await Promise.all(own.map(mirroredLesson)))]
      await network.teach(shuffled(lessons, random))
      say(`${asked.length} other cells are asked about`)
      steps.push([`${own.length} ${names[kind]} cells taught`, await answers()])
    }
    return steps
  }

  async function answers() {
    return (await network.ask(asked.map(inputOf))).map(({ label }) => label)
  }

  function rightOf(said) {
    const right = asked.map(({ kind, label }, at) => ({ kind, isRight: said[at] === label }))
    return [right, ...KINDS.map((kind) => of(right, kind))].map((some) =>
      share(some, ({ isRight }) => isRight),
    )
  }

  function alarms(said, kind) {
    const both = asked.map(({ label, ...row }, at) => ({ ...row, label, said: said[at] }))
    return ['defective', 'functional'].map((label) =>
      share(
        of(both, kind).filter((row) => row.label === label),
        (row) => row.said === 'defective',
      ),
    )
  }

  /** What needs no model: whether a cell is darker than most functional ones of its kind that were taught. */
  async function darkOnes() {
    const cuts = {}
    for (const kind of KINDS) cuts[kind] = bestCut(await lit(of(taught, kind)))
    const said = (await lit(asked)).map(({ kind, light }) => labelBelow(cuts[kind], light))
    return ['darker than a limit for its kind', said]
  }
}

function lessonOf({ label, ...row }) {
  return { input: inputOf(row), label }
}

/** A crack is a crack in a mirror: twice the lessons of as many labels. */
async function mirroredLesson(row) {
  return lessonOf({ ...row, file: await mirrored(row) })
}

function inputOf({ file }) {
  return { image: file().toString('base64') }
}

async function lit(rows) {
  return Promise.all(rows.map(async (row) => ({ ...row, light: await brightness(row) })))
}

/** The brightness below which most taught cells are right as defective. */
function bestCut(rows) {
  const right = (cut) => share(rows, ({ light, label }) => labelBelow(cut, light) === label)
  return rows.map(({ light }) => light).reduce((a, b) => (right(b) > right(a) ? b : a))
}

function labelBelow(cut, light) {
  return light < cut ? 'defective' : 'functional'
}
