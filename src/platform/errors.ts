/**
 * Every code that the daemon can answer with: HTTP status, exit code, whether a retry may help, and how to fix the
 * problem.
 *
 * Codes are stable: users match on them. 4xx is the caller's fault, 5xx ours or the machine's, never the other way
 * round.
 */
import { CodedError, type Json } from '../contracts/core.ts'

/** sysexits.h: usage 64, data 65, no input 66, unavailable 69, software 70, os 71, cannot create 73, io 74, temporary 75, config 78. */
interface ErrorEntry {
  readonly status: number
  readonly exit: number
  readonly retriable?: true
  readonly fix: string
}

/** `row(status, exit).fix(text)`, or `passing` where the same call may succeed later. */
const row = (status: number, exit: number) => ({
  fix: (fix: string): ErrorEntry => ({ status, exit, fix }),
})
const passing = (status: number, exit: number) => ({
  fix: (fix: string): ErrorEntry => ({ status, exit, retriable: true, fix }),
})

export const errorTable = {
  // requests
  BODY_MALFORMED: row(400, 65).fix(
    'send one valid UTF-8 JSON document, or NDJSON with one event per line',
  ),
  BODY_TOO_LARGE: row(413, 65).fix('send smaller bodies, or raise limits.body_bytes'),
  TOO_MANY_EVENTS: row(413, 65).fix(
    'split the events over several bodies, or raise limits.body_bytes',
  ),
  BODY_TYPE_UNSUPPORTED: row(415, 65).fix(
    `add the header content-type: application/json (curl: -H 'content-type: application/json'), or application/x-ndjson for one event per line`,
  ),
  HOST_REFUSED: row(421, 64).fix(
    'use localhost or 127.0.0.1, add the name to server.hosts in the config, or set server.auth',
  ),
  REQUEST_INVALID: row(400, 64).fix('see /docs for the shape of this request'),
  PARAMETER_UNSUPPORTED: row(400, 64).fix('leave it out; /docs has the parameters that are read'),
  ROUTE_UNKNOWN: row(404, 64).fix('see /docs for the routes'),
  METHOD_NOT_ALLOWED: row(405, 64).fix('see /docs for the methods of this route'),
  MODEL_UNKNOWN: row(404, 66).fix(
    'list the models with GET /v1/models; add a model under models: in the config',
  ),
  FEEDBACK_UNKNOWN: row(404, 66).fix(
    'give the source of the event (?source=, or --source in the CLI); an event that was refused at once has no receipt, and receipts are kept for the last limits.seen_events events',
  ),
  DEAD_LETTER_UNKNOWN: row(404, 66).fix(
    'list the dead letters with GET /v1/models/{model}/dead-letters; the oldest are removed beyond limits.dead_letters',
  ),
  VERSION_UNKNOWN: row(404, 66).fix(
    'list the versions with antikythera versions, or GET /v1/models/{model}/versions',
  ),
  VERSION_REMOVED: row(410, 66).fix(
    'choose a version that antikythera versions does not show as removed: keep removes old ones unless they are pinned, and forget those that had learned what was forgotten',
  ),
  TIME_BEFORE_HISTORY: row(404, 66).fix(
    'name a later time: GET /v1/models/{model}/history shows the oldest move that is kept',
  ),
  HISTORY_BROKEN: row(500, 65).fix(
    'moves of the live pointer were changed or removed after they were made: compare registry.db, or the Redis of the fleet, with a backup',
  ),
  ROLLBACK_IMPOSSIBLE: row(409, 65).fix('there is no earlier live version; name one with "to"'),
  VERSION_TAINTED: row(409, 65).fix(
    'choose a version from before what is being forgotten, or wait until antikythera forget MODEL shows the request as done',
  ),
  VERSION_UNDONE: row(409, 65).fix(
    'a rollback has taken it back because of what it had learned: choose another version, or say that you mean it: --undone, "undone": true',
  ),
  GENERATION_STALE: passing(409, 75).fix(
    'the live pointer has moved meanwhile; read it again and repeat',
  ),
  ROUTING_INVALID: row(400, 65).fix(
    'a canary gets a share between 0 and 1, and live, canary and shadow are three versions',
  ),
  QUEUE_FULL: passing(429, 75).fix('wait as long as Retry-After says, or raise limits.queue'),
  KERNEL_MEMORY_FULL: row(500, 71).fix(
    'raise limits.kernel_memory_bytes, or make the model smaller: fewer labels, fewer features, or fewer models in one trainer (isolate: true)',
  ),
  PINS_FULL: row(409, 75).fix('unpin a version that is no longer needed'),
  INBOX_FULL: passing(429, 75).fix(
    'the trainer is behind; wait, or raise limits.inbox_events, which also bounds the bytes',
  ),
  CONNECTIONS_FULL: passing(503, 75).fix(
    'wait as long as Retry-After says, reuse connections, or raise limits.connections',
  ),
  AUTH_REQUIRED: row(401, 77).fix(
    'send Authorization: Bearer <key>, in commands --token or ANTIKYTHERA_TOKEN; antikythera keys new makes a key',
  ),
  ROLE_MISSING: row(403, 77).fix(
    'use a key with this role, or add the role to the key under server.auth.keys and reload with SIGHUP',
  ),
  RATE_LIMITED: passing(429, 75).fix(
    'wait as long as Retry-After says, or raise the rate of the key under server.auth.keys or server.rate_limits.key',
  ),
  SOURCE_REFUSED: row(403, 77).fix(
    'send the event with a key that may name its source, or add the source to the key under server.auth.keys',
  ),
  SOURCE_RATE_LIMITED: passing(429, 75).fix(
    'send the event again after the time that Retry-After says, or raise the rate of its source under server.rate_limits',
  ),
  WATCHERS_FULL: passing(503, 75).fix('close some of the open pages, or raise limits.connections'),
  DEADLINE_EXCEEDED: passing(503, 75).fix(
    'the server is overloaded: wait, send fewer inputs at once, or raise server.batch_wait_ms',
  ),
  REQUEST_TIMEOUT: passing(408, 75).fix(
    'send the whole request faster, or raise limits.request_ms',
  ),
  CLIENT_GONE: passing(499, 75).fix('keep the connection open until the answer comes'),
  HEADERS_TOO_LARGE: row(431, 65).fix('send less than 16 KiB of headers'),
  NOT_READY: passing(503, 69).fix('wait until /readyz answers 200'),
  ROLE_TRAINER: passing(503, 69).fix(
    'this daemon only trains: use a replica with the role server or all',
  ),
  GENERATION_NOT_REACHED: passing(503, 75).fix(
    'this replica does not have that generation yet: try again, or raise limits.request_ms',
  ),
  POSITION_NOT_REACHED: passing(504, 75).fix(
    'the trainer has not reached this position yet: check its lag and state, try again, or raise limits.request_ms',
  ),
  TRAINER_STALLED: passing(503, 75).fix(
    'the trainer process hangs or gets no CPU time: it is killed and restarted after two minutes; check the load of the machine',
  ),
  TRAINER_LEFT_OUT: row(503, 70).fix(
    'this is a bug in antikythera: report it with the log lines of the trainer process; restarting the daemon tries the model again, and isolate: true gives it a process of its own',
  ),
  TRAINER_BUSY: passing(503, 75).fix(
    'the trainer is starting, or in the middle of an update: ask again in a minute; antikythera status shows its state',
  ),
  SHUTTING_DOWN: passing(503, 75).fix('use another replica, or wait until it is back'),
  INTERNAL: row(500, 70).fix(
    'this is a bug in antikythera: report it with the log line of this request',
  ),

  // events and inputs
  EVENT_MALFORMED: row(400, 65).fix('an event is a JSON object; see the event schema in /docs'),
  EVENT_TOO_LARGE: row(413, 65).fix('shorten the event, or raise limits.event_bytes'),
  EVENT_TOO_DEEP: row(400, 65).fix('flatten the JSON: 32 levels are read'),
  EVENT_FORBIDDEN_KEY: row(400, 65).fix('remove the keys __proto__, constructor and prototype'),
  EVENT_INVALID: row(400, 65).fix(
    'send prediction_id or input, such as {"input": {"text": "…"}}, and one of the signals that the model learns from, such as label, value, completion, rating, correction or retract; in a CSV these are the columns label, or the one that --label-column names, event.value, event.completion and so on',
  ),
  EVENT_WRONG_MODEL: row(400, 65).fix('send the event to the model that it names'),
  INPUT_EMPTY: row(400, 65).fix('send text with at least one visible character'),
  INPUT_TOO_LONG: row(413, 65).fix(
    'shorten the input, or raise limits.text_characters or limits.features',
  ),
  IMAGE_INVALID: row(400, 65).fix(
    'send the bytes of one PNG, JPEG or WebP picture of one frame as base64; no address is opened',
  ),
  IMAGE_TOO_LARGE: row(413, 65).fix(
    'scale the picture down, or raise limits.image_bytes or limits.image_pixels',
  ),
  INPUT_WRONG_KIND: row(400, 65).fix(
    "send the kind of input that the model's base reads: text, features, or messages for a language model, two texts as text and text_pair, a picture as image, a text of many pages as document; what ranks is asked at /rank; in a CSV the column `text`, or the one that --text-column names, is the text, `image` the path of a picture, and every column without a meaning of its own is a feature",
  ),
  MESSAGES_INVALID: row(400, 65).fix(
    'send messages as a list of { role, content }, with the role system, user or assistant and a text as content',
  ),
  CHAT_TEMPLATE_MISSING: row(400, 65).fix(
    'send { text }, which is continued as it is, or add chat_template.jinja to the folder of the base',
  ),
  CHAT_TEMPLATE_CHANGED: row(409, 65).fix(
    'bring the earlier template of the base back, or teach the model again: what it publishes from now on is of this one',
  ),
  CHAT_TEMPLATE_FAILED: row(400, 65).fix(
    'send a conversation that the template of the base accepts: most want user and assistant to alternate',
  ),
  FEATURES_INVALID: row(400, 65).fix(
    'send the type that the base declares for the named feature; a list needs exactly the declared number of values',
  ),
  FEATURE_UNKNOWN: row(400, 65).fix(
    'correct the name, or declare it in base.features.schema, or leave out such names with base.features.unknown: ignore, and restart',
  ),
  FEATURE_TOO_LARGE: row(400, 65).fix(
    'send null for a missing value, or scale the feature: at most 1e15 in magnitude is read',
  ),
  EMBEDDING_NOT_FINITE: row(400, 65).fix(
    'leave out what makes the base answer with NaN or infinity, often a number far beyond those it was trained on; if every input fails, replace the file of the base',
  ),
  FIELDS_INVALID: row(400, 65).fix(
    'send an object of fields by name: { "amount": 120, "note": "a dent", "photo": { "image": … } }',
  ),
  FIELD_UNKNOWN: row(400, 65).fix(
    'correct the name, or declare it in base.fields.schema or base.fields.bases, or leave out such names with base.fields.unknown: ignore, and restart',
  ),
  FIELD_MISSING: row(400, 65).fix(
    'send the field, or take its name out of base.fields.required and restart',
  ),
  FIELD_WRONG_KIND: row(400, 65).fix(
    'send the field as base.fields declares it: a number, a category, true or false, a text, or { "image": … }; null where it is missing',
  ),
  COMPLETION_INVALID: row(400, 65).fix(
    'send the answer as a text with at least one visible character, or raise limits.text_characters',
  ),
  PREFERENCE_INVALID: row(400, 65).fix(
    'send chosen and rejected together, as two different answers; send a single good answer as a completion',
  ),
  ANSWERS_INVALID: row(400, 65).fix(
    'send two to sixteen answers, each with what it is worth: "answers": [{ "text": "…", "reward": 1 }, { "text": "…", "reward": 0.2 }]',
  ),
  LABEL_UNKNOWN: row(400, 65).fix('use a label of the config, or declare labels: { open: true }'),
  LABEL_RETIRED: row(400, 65).fix(
    'remove the label from labels.retired and restart, or send another label',
  ),
  LABEL_INVALID: row(400, 65).fix('a label is a non-empty string of at most 128 characters'),
  LABELS_INVALID: row(400, 65).fix(
    'send a list of different labels, such as "labels": ["a", "b"], with at most limits.labels of them; yes and no have no label in common',
  ),
  VALUE_INVALID: row(400, 65).fix('send a number: { "value": 3.2 }, of at most 1e15 in magnitude'),
  PAIR_INVALID: row(400, 65).fix(
    'send both texts: { "text": "…", "text_pair": "…" }, each with a visible character',
  ),
  CHOICE_INVALID: row(400, 65).fix(
    'send { "context": …, "item": … }, each a text or features, as the base reads them',
  ),
  CANDIDATES_INVALID: row(400, 65).fix(
    'send at least one candidate, each { "id": …, "input": … } with an id of its own of at most 128 characters',
  ),
  CANDIDATES_TOO_MANY: row(413, 65).fix(
    'send fewer candidates, such as the best of a cheaper search, or raise limits.inputs',
  ),
  REWARD_INVALID: row(400, 65).fix(
    'send the id of an item that was shown and a finite number within reward_min and reward_max of the task: { "prediction_id": …, "item": "a", "reward": 1 }',
  ),
  REWARD_FAILED: row(500, 70).fix(
    'correct the program of task: { generation: { reward } }: its default export takes { input, answer, finish_reason, facts } and returns a number from 0 to 1 in time; nothing of these answers was learned',
  ),
  REWARD_MISSING: row(409, 65).fix(
    'name a program in the config of the model, task: { generation: { reward: ./check.mjs } }, and restart; or send answers with their rewards as feedback',
  ),
  ITEM_NOT_SHOWN: row(400, 65).fix(
    'reward an item of the answer that prediction_id names: its ranking has their ids',
  ),
  PROPENSITY_ALTERED: row(400, 65).fix(
    'leave propensity out: the server keeps the one that it answered with',
  ),
  REWARD_LATE: row(409, 65).fix(
    'send rewards within reward_window of the task after their answer, or raise it: until then the item has earned nothing',
  ),
  REWARD_REPEATED: row(409, 65).fix(
    'send one reward for each shown item; without an id of its own a newer one replaces it',
  ),
  SPANS_INVALID: row(400, 65).fix(
    'send a list of { start, end, label }: whole numbers of characters (Unicode code points) from 0, end behind the last one, and no span that overlaps another; [] = the text has none',
  ),
  SPANS_OUTSIDE: row(400, 65).fix(
    'count characters as Unicode code points, as Python does and Array.from(text) in JavaScript, not as UTF-16 units or bytes, and name spans as the answer has them',
  ),
  SPANS_CUT: row(400, 65).fix(
    'raise max_tokens of the model, which the base bounds, or send the text in pieces',
  ),
  SIGNAL_UNSUPPORTED: row(400, 65).fix(
    'send feedback that the task of this model learns from: GET /v1/models/{model} names the task',
  ),
  NO_LABELS: row(409, 65).fix(
    'send feedback with a label; its prediction_id may be the id of this answer',
  ),
  LABELS_FULL: row(400, 65).fix(
    'raise limits.labels, or retire labels that are no longer needed (labels.retired)',
  ),
  RETRACTED: row(409, 65).fix(
    'it was retracted; send it under another id if it should be learned anyway',
  ),
  RETRACTION_UNMATCHED: row(400, 65).fix('name the source of the event to retract'),
  RETRACTIONS_FULL: row(400, 65).fix(
    'send a retraction after the event, or retract everything from the source (antikythera retract)',
  ),
  STEP_DROPPED: row(400, 65).fix(
    'check whether its features are too large or the learning rate is too high, and send it again after the fix',
  ),
  FEEDBACK_NOT_READ: row(409, 65).fix(
    'send it to a source of this model (GET /v1/models/{model} names them), or add http: {} to its sources and restart',
  ),
  TRAINED_ELSEWHERE: row(409, 69).fix(
    'use the daemon that trains the model: GET /v1/fleet shows it and its url',
  ),
  DISCARDED: row(400, 65).fix('send it again if it should be learned after all'),
  SIGNATURE_INVALID: row(401, 65).fix(
    'sign the message when it is sent, as in Standard Webhooks, with the secret under defence.sources of the model: webhook-id, webhook-timestamp, webhook-signature; if it was signed long before or after, check the clocks, or raise tolerance_seconds',
  ),
  FORGET_UNKNOWN: row(404, 66).fix(
    'list the requests with antikythera forget MODEL, or GET /v1/models/{model}/forget',
  ),
  FORGET_FULL: row(429, 75).fix('wait until some of the requests to forget are done'),
  QUARANTINE_FULL: row(400, 65).fix(
    'send it again if it should be learned; release or drop what is in quarantine, or raise limits.set_aside (the quarantine has a tenth of it)',
  ),
  SET_ASIDE_FULL: row(400, 65).fix(
    'send it again if it should be learned; relearn or discard what is set aside, or raise limits.set_aside',
  ),
  RATING_NEEDS_PREDICTION: row(400, 65).fix(
    'send the prediction_id of the answer that it is about',
  ),
  PREDICTION_UNKNOWN: row(404, 65).fix(
    'the prediction is unknown or no longer kept; send input and label',
  ),
  PREDICTION_ERASED: row(410, 65).fix(
    'send the input and what is right about it as a new event: the answer quoted, or was about, what a person asked to forget',
  ),

  // configuration and start
  CONFIG_MISSING: row(500, 66).fix('give --config PATH'),
  CONFIG_MALFORMED: row(500, 78).fix('fix the YAML at the given line and column'),
  CONFIG_INVALID: row(500, 78).fix(
    'correct the key that the message names; `antikythera config check` checks the file without starting',
  ),
  GOLDEN_INVALID: row(500, 78).fix(
    'correct the file of `promotion: { policy: golden, file: … }` at this line: each line is an event with its input and the right answer',
  ),
  PLUGIN_MISSING: row(500, 78).fix(
    'correct the path under plugins; it is relative to the folder of the config file',
  ),
  PLUGIN_BROKEN: row(500, 78).fix(
    'correct the module that the message names, and restart: it must load without an error and without a top-level await, open without throwing, and keep the contract of its kind in src/contracts',
  ),
  PLUGIN_INVALID: row(500, 78).fix(
    'export plugin = { kind, name, summary, settings, open }, or a list of them as plugins; connectors/README.md has an example that runs',
  ),
  PLUGIN_NAME_TAKEN: row(500, 78).fix('give your plug-in another name'),
  CONFIG_UNKNOWN_KEY: row(500, 78).fix('remove the key, or use the nearest known one'),
  USAGE: row(400, 64).fix('antikythera --help'),
  BASE_WITHOUT_LANGUAGE: row(500, 78).fix(
    'choose a language model as base (smollm2, or causal: ./folder), or task: classification',
  ),
  BASE_WITHOUT_POSITIONS: row(500, 78).fix(
    'choose a base that reads texts token by token, such as minilm, e5-small, use-lite or bert: ./folder',
  ),
  TASK_WITHOUT_CLASSES: row(500, 78).fix(
    'choose a part that needs no classes (adapter lora or head, replay reservoir, memory none), or task: classification',
  ),
  SHARDS_NEED_SUMS: row(500, 78).fix(
    'shards add exact sums: keep adapter.method anacp, ranpac, slda or ncm on a base of text, the defaults of the policies, and a source that all shards can read; or shards: 1',
  ),
  ADDRESS_NEEDS_AUTH: row(500, 78).fix('bind 127.0.0.1, or set server.auth'),
  PORT_IN_USE: row(500, 69).fix('stop the other process, or choose another server.port'),
  ADDRESS_UNUSABLE: row(500, 69).fix(
    'choose a server.host of this machine and a server.port that this user may bind',
  ),
  DATA_DIR_LOCKED: passing(500, 75).fix(
    'another daemon uses this data_dir; stop it or choose another folder',
  ),
  DATA_DIR_UNWRITABLE: row(503, 73).fix(
    'choose a data_dir that is a folder and that this user may write to, or make it writable: chown, chmod, or a mount option',
  ),
  DESCRIPTORS_SCARCE: passing(503, 71).fix(
    'raise the limit of open files: `ulimit -n 65536` in a shell, LimitNOFILE=65536 for systemd, nofile for a container',
  ),
  STORE_REPLACED: row(503, 74).fix(
    'data_dir was removed or replaced while the daemon was running: restore it, then restart the daemon; everything sent meanwhile was refused',
  ),
  DISK_FULL: passing(507, 74).fix('free space on the disk that holds data_dir'),
  STORE_CORRUPT: row(503, 74).fix(
    'stop the daemon and run `antikythera recover MODEL`: it keeps everything intact, moves the named file aside and reports what is lost; do not remove files by hand',
  ),
  JOURNAL_FOREIGN: row(503, 74).fix(
    'restore the inbox.db that belongs to this state.db, or stop the daemon and run `antikythera recover MODEL`: it then reads the present journal from its start',
  ),
  JOURNAL_GAP: row(503, 74).fix(
    'restore the newest state.db, or stop the daemon and run `antikythera recover MODEL`: it continues after the gap',
  ),
  CHECKPOINT_MISSING: row(503, 74).fix(
    "restore state.db (after a fleet, that of the daemon that trained last), or stop the daemon and run `antikythera recover MODEL`: it continues from the newest intact version, at that version's position in the stream",
  ),
  STORE_FAILED: passing(500, 74).fix('see the cause in the log'),
  STORE_OUTDATED: row(500, 78).fix(
    'start the newest version of the daemon once with this data_dir',
  ),
  RECOVER_IMPOSSIBLE: row(500, 65).fix(
    'restore data_dir from a backup, or choose another data_dir to start from scratch',
  ),
  CHECKPOINT_FOREIGN: row(500, 78).fix(
    'restore the setting that the message names (for a base: base, quantize, the files in its folder, or what it names of base.features, where an adapter section changes the defaults of hidden, bins and window), or give the model another name or data_dir; a label that is no longer wanted stays in labels.known and goes into labels.retired, and one with a new name into labels.renamed',
  ),
  SUMS_FOREIGN: row(409, 65).fix(
    'merge sums of one base, one method and one set of its settings; the digest and the identity of the sums are in the manifest of each version',
  ),
  SUMS_DIFFER: row(409, 65).fix(
    'the version, the event log or the file of events was altered, or the file is of another version; compare them with a backup, and write the file again with antikythera verify --export',
  ),
  SUMS_UNKNOWN: row(409, 65).fix(
    'ask about a newer version, or one whose events are all in the event log and name their label (limits.event_log); versions of ncm, slda, ranpac and anacp on text have exact sums',
  ),
  SUMS_TAKEN_OUT: row(409, 65).fix(
    'verify a version that was made after the retraction: send more feedback until the next one is published',
  ),
  SUMS_TRIMMED: row(409, 65).fix(
    'raise limits.event_log so that it holds every event that a version has learned; verify an exported file of events until then',
  ),
  SUMS_DIVIDED: row(409, 65).fix(
    'exact proofs need events that name what is right: say a label or a correction in place of thumbs down',
  ),
  SUMS_MOVED: passing(409, 75).fix(
    'wait until the newest version is live, or promote it: the sums are those of the version that the trainer has made last, and a retraction changes them before the next version',
  ),
  EXAMPLES_UNKNOWN: row(409, 65).fix(
    'ask about the live version; keep learned examples with replay (any policy but none) or limits.event_log',
  ),
  SOURCE_UNKNOWN: row(404, 66).fix(
    'name a source that antikythera sources MODEL shows, as its events spell it',
  ),
  ROWS_MISSING: row(409, 65).fix(
    'set evaluation.held_out.share, such as 0.05, or name a file of golden rows (promotion: golden)',
  ),
  EVENTS_INVALID: row(400, 65).fix(
    'write the file again with antikythera verify --export; deploy/verify.md describes it',
  ),

  // bases and adapters
  BASE_MISSING: row(500, 66).fix(
    'download it with `antikythera models pull minilm` (or owner/name), or correct the path under base:',
  ),
  BASE_INVALID: row(500, 65).fix(
    'name a folder with config.json, tokenizer.json and model.safetensors of a BERT-family encoder (bert) or a Llama-family decoder (causal), or a GGUF file (causal)',
  ),
  BASE_UNSUPPORTED: row(500, 65).fix('see the table of bases in README.md'),
  PICKLE_REFUSED: row(500, 65).fix('convert the weights to model.safetensors'),
  SAFETENSORS_INVALID: row(500, 65).fix('the file is damaged; download it again'),
  GGUF_INVALID: row(500, 65).fix('the file is damaged; download it again'),
  ADAPTER_INVALID: row(500, 78).fix(
    'change the named field under adapter: and restart; antikythera config check validates it',
  ),
  ADAPTER_TENSORS: row(500, 65).fix(
    'use an adapter that was made for this base, method and labels',
  ),
  IMPORT_REFUSED: row(409, 65).fix(
    'fix the named field in the folder, or set adapter: in the config as the message says',
  ),
  VERSION_TOO_LARGE: row(507, 65).fix(
    'lower adapter.rank or adapter.tail_layers, or raise fleet.version_bytes',
  ),
  VERSION_EXISTS: row(409, 65).fix(
    'choose another version id: this one already exists with other content',
  ),
  VERSION_CORRUPT: row(503, 65).fix(
    'name another version, which antikythera versions lists, or restore the version folder, which is damaged',
  ),
  VERSION_NOT_FINITE: row(409, 65).fix(
    'choose another version: the numbers of this one overflowed during training',
  ),
  VERSION_FOREIGN: row(409, 65).fix(
    'choose a version that was made for this model, base (with the same quantize and files) and task; antikythera export and import take one to a model of another name',
  ),
  MODEL_PULL_FAILED: passing(500, 69).fix(
    'check that pip can reach its registry, or copy the folder by hand',
  ),

  // engines and processes
  ENGINE_UNAVAILABLE: row(500, 69).fix(
    'run antikythera doctor: it shows which engine failed and why',
  ),
  ENGINE_FAILED: passing(500, 70).fix('the engine restarts automatically; see the log'),
  PACKAGE_MISSING: row(500, 69).fix(
    'run npm install --include=optional in the folder that Antikythera was installed from',
  ),
  SERVICE_MISSING: row(500, 69).fix(
    'install the broker with npm run up; Debian: apt-get install redis-server default-jre-headless maven',
  ),
  CONNECTION_FAILED: passing(502, 69).fix(
    'check that the daemon is running, and name another address with --url or ANTIKYTHERA_URL',
  ),
  SOURCE_MISSING: row(500, 66).fix(
    'restore the named file, topic or stream: reading is retried automatically, and other sources continue meanwhile. If the data that was read is lost for good, stop the daemon and run `antikythera reset-position MODEL --source NAME`: it shows what is skipped',
  ),
  LEASE_LOST: passing(503, 75).fix('another daemon now trains this model; no action is needed'),
  REDIS_UNAVAILABLE: passing(503, 69).fix(
    'check that Redis is running and reachable at the address under redis:; the daemon reconnects automatically',
  ),
  REDIS_REFUSED: row(500, 77).fix(
    'fix redis.username and redis.password, or the rights of that user; deploy/fleet.md lists them',
  ),
  REDIS_FULL: passing(503, 75).fix(
    'raise the maxmemory of Redis, or lower keep.bytes of each model',
  ),
  REDIS_UNSUPPORTED: row(500, 78).fix(
    'use Redis 7.0 or newer with maxmemory-policy noeviction, and the options listed in deploy/fleet.md',
  ),
  REDIS_FAILED: row(500, 70).fix(
    'check whether something else uses the namespace, and see the cause in the log',
  ),
  // the bytes of a fleet
  BLOB_MISSING: row(500, 74).fix(
    'a daemon that has a copy on its disk restores it within seconds; otherwise roll back to another version. Only Antikythera may remove files under fleet.blobs',
  ),
  BLOB_CORRUPT: row(500, 74).fix(
    'it was changed under fleet.blobs; a daemon that has a copy on its disk restores it within seconds',
  ),
  BLOBS_UNAVAILABLE: passing(503, 69).fix(
    'check that the endpoint or folder under fleet.blobs can be reached from here and is writable. The daemon tries again automatically; `antikythera doctor` tries it once',
  ),
  BLOBS_REFUSED: passing(500, 77).fix(
    'give the daemon the right keys in the environment variables that fleet.blobs.s3 names, and let these keys read, write, delete and list under the prefix; `antikythera doctor` tries all four',
  ),
  BLOBS_BUCKET_UNKNOWN: passing(500, 78).fix(
    'create the bucket, or correct bucket, region, endpoint or path_style under fleet.blobs.s3',
  ),
  COPY_TOO_LARGE: passing(507, 75).fix(
    'raise fleet.copy_bytes (Redis needs twice that per model while a copy is replaced), or make the checkpoint smaller: a smaller adapter (rank, features of ranpac or anacp), replay.capacity, limits.seen_events, limits.set_aside, limits.event_log. Feedback stays in the stream until a copy contains it',
  ),
  BROKER_REFUSED: row(500, 77).fix(
    'check sasl, tls and the rights of this user: the broker refused the connection, or its certificate was refused',
  ),
  GROUP_SHARED: passing(500, 69).fix(
    'give this model a consumer group of its own (sources: kafka: group), unless these daemons are meant to be one fleet with one `redis`; and let no other program read with the group. Nothing is lost: the checkpoint has the positions',
  ),
  TOPIC_UNKNOWN: row(500, 66).fix(
    'create the topic, or correct its name: kafka-topics.sh --list shows those that the brokers have',
  ),
  SINK_FAILED: passing(500, 69).fix(
    'see the cause in the message; check that the brokers are reachable from here and that the topic exists',
  ),
  SOURCE_FAILED: passing(500, 69).fix(
    'see the cause in the message; reading is retried automatically, and other sources continue',
  ),
} satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorTable

/**
 * A plug-in of a user's own broke its contract in the middle of work. No fault of an event, and not ours: it ends the
 * work on its model.
 */
export class PluginFault extends Error {
  readonly coded: CodedError

  constructor(coded: CodedError) {
    super(coded.message, { cause: coded })
    this.name = 'PluginFault'
    this.coded = coded
  }
}

/** Makes the error for a code: `message` says what and where, in one sentence; the fix comes from the table. */
export function failure(
  code: ErrorCode,
  message: string,
  options: {
    readonly details?: Readonly<Record<string, Json>>
    readonly cause?: unknown
    /** Replaces the table's fix when it does not suit this case. */
    readonly fix?: string | undefined
  } = {},
): CodedError {
  return new CodedError(code, message, { ...options, retriable: isRetriable(code) })
}

export function isRetriable(code: ErrorCode): boolean {
  const entry: ErrorEntry = errorTable[code]
  return entry.retriable === true
}

/** The fix for an error: its own, or else that of the table. */
export function fixOf(error: CodedError): string {
  return error.fix ?? entryOf(error.code).fix
}

/** The same error with more details. */
export function withDetails(
  error: CodedError,
  details: Readonly<Record<string, Json>>,
  message = error.message,
): CodedError {
  const { code, retriable, fix } = error
  const all = { ...error.details, ...details }
  return new CodedError(code, message, { retriable, fix, details: all, cause: error })
}

/** The entry for any code, including codes from a user's own connector. */
export function entryOf(code: string): ErrorEntry {
  const table: Readonly<Record<string, ErrorEntry>> = errorTable
  return Object.hasOwn(table, code) ? (table[code] ?? errorTable.INTERNAL) : errorTable.INTERNAL
}

/** A bug of ours, not an error of the world: crash instead of continuing wrongly. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`)
}
