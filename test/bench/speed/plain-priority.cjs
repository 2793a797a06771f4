/**
 * Loaded into a daemon by NODE_OPTIONS: its trainer keeps the priority that it was started with. Of a measurement beside a peer that lowers
 * none: on a machine with other work, the lower one would wait for that instead of being measured.
 */
const { syncBuiltinESMExports } = require('node:module')
const os = require('node:os')

os.setPriority = () => undefined
syncBuiltinESMExports()
