/**
 * Stage 3: tfjs-node's own install script, which downloads a libtensorflow of 2022 and a ready binding from a place of
 * its authors. Many networks block that place, so silence for twenty seconds ends it.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { runTool, reasonLine } from '../tool.mjs'
import { BINDING, LIBRARIES, buildFolder, discard, link } from './installed.mjs'
import { megabytes } from '../progress.mjs'

const STALL_SECONDS = 20

export const officialStage = {
  stage: 'official',
  title: 'Official prebuilt of tfjs-node',

  async reach({ places, progress }) {
    const result = await install(places, progress)
    if (!existsSync(join(places.tfjsNode, BINDING))) {
      removeDownload(places)
      const fix = 'allow the download that `node scripts/install.js` of @tensorflow/tfjs-node makes'
      return { ok: false, reason: reasonLine(result), fix }
    }
    if (process.platform !== 'win32') moveToCache(places)
    return { ok: true, reason: 'the official prebuilt was downloaded' }
  },

  async undo({ places }) {
    discard(places, 'official')
    removeDownload(places)
  },
}

/** The script rewrites its own package.json for a moment; should it be stopped right then, the text is put back. */
async function install({ tfjsNode, nodeModules, env }, progress) {
  const manifest = join(tfjsNode, 'package.json')
  const before = readFileSync(manifest)
  const downloads = join(tfjsNode, 'deps')
  try {
    return await runTool(process.execPath, [join('scripts', 'install.js')], {
      cwd: tfjsNode,
      env: { ...env, PATH: join(nodeModules, '.bin') + delimiter + (env.PATH ?? '') },
      timeoutSeconds: 600,
      stallSeconds: STALL_SECONDS,
      watch: () => sizeOf(downloads),
      onTick: () => progress.doing(`Official prebuilt: ${megabytes(sizeOf(downloads))} unpacked`),
    })
  } finally {
    if (!readFileSync(manifest).equals(before)) writeFileSync(manifest, before)
  }
}

/** Links inside deps/lib are kept as they are. */
function moveToCache(places) {
  const folder = buildFolder(places, 'official')
  const temporary = `${folder}.${process.pid}.tmp`
  mkdirSync(join(temporary, dirname(BINDING)), { recursive: true })
  cpSync(join(places.tfjsNode, LIBRARIES), join(temporary, LIBRARIES), {
    recursive: true,
    verbatimSymlinks: true,
  })
  cpSync(join(places.tfjsNode, BINDING), join(temporary, BINDING))
  rmSync(folder, { recursive: true, force: true })
  renameSync(temporary, folder)
  link(places, 'official')
  rmSync(join(places.tfjsNode, 'deps'), { recursive: true, force: true })
}

function removeDownload({ tfjsNode }) {
  rmSync(join(tfjsNode, 'deps'), { recursive: true, force: true })
  rmSync(join(tfjsNode, BINDING), { force: true })
}

function sizeOf(folder) {
  if (!existsSync(folder)) return 0
  return readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0)
}
