/** Code without a user is refused: what is used starts at the programs, the tests and what is run by hand. */
import { startedBy } from './deploy/bootstrap/programs.mjs'

// knip reads the default export.
export default {
  entry: [
    ...startedBy('.'),
    'deploy/bootstrap/native/multiply.cjs',
    'deploy/bootstrap/native/one-dnn.cjs',
    'deploy/bootstrap/*.mjs',
    'test/run-report.mjs',
    'test/**/*.test.ts',
    'test/**/*.child.mjs',
    'test/bench/**/*.{mjs,cjs}',
    'test/reference/*.mjs',
    'test/integration/*.ts',
    'deploy/docker/*.mjs',
    'deploy/examples/*/case.mjs',
    'deploy/examples/pictures.mjs',
    'test/laws/break.mjs',
    'test/simulation/run.mjs',
    'test/vitest.{unit,versions}.config.ts',
    'test/**/*-child.mjs',
  ],
  project: ['{src,connectors,policies,test}/**/*.{ts,tsx}', '{deploy,test}/**/*.{mjs,cjs}'],
  ignoreDependencies: ['node-api-headers', 'light-my-request'],
  ignoreBinaries: [
    'unshare',
    'antikythera-no-such-program',
    'java',
    'cc',
    'kubectl',
    'systemd-analyze',
    'redis-cli',
    'openssl',
    'mkfifo',
    'truncate',
  ],
  ignoreExportsUsedInFile: true,
  vitest: { config: 'test/vitest.config.ts' },
}
