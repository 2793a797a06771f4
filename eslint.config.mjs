/**
 * typescript-eslint at its strictest, with type information. What is switched off is switched off with its reason;
 * the rules about rooms and imports are an ordinary test, test/rooms.test.ts.
 */
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

const typescript = {
  files: ['**/*.ts'],
  extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
  languageOptions: {
    parserOptions: { project: './test/tsconfig.json', tsconfigRootDir: import.meta.dirname },
  },
  linterOptions: { reportUnusedDisableDirectives: 'error' },
  rules: {
    '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
    '@typescript-eslint/consistent-type-exports': 'error',
    '@typescript-eslint/no-import-type-side-effects': 'error',
    '@typescript-eslint/switch-exhaustiveness-check': [
      'error',
      { considerDefaultExhaustiveForUnions: true },
    ],
    // Numbers and booleans read well in a message; objects do not.
    '@typescript-eslint/restrict-template-expressions': [
      'error',
      { allowNumber: true, allowBoolean: true },
    ],
    // An interface often wants a promise from something that needs no await.
    '@typescript-eslint/require-await': 'off',
    // A loop that ends by return or by a signal.
    '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
    // `() => counter.inc()` says what it does.
    '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    '@typescript-eslint/no-unused-vars': [
      'error',
      { argsIgnorePattern: '^_', ignoreRestSiblings: true },
    ],
    eqeqeq: 'error',
    'no-console': 'error',
    'no-param-reassign': 'error',
    'object-shorthand': 'error',
    'prefer-const': 'error',
  },
}

/** The page: the same rules, with the types of a browser. */
const page = {
  ...typescript,
  files: ['src/api/dashboard/page/*.tsx'],
  languageOptions: {
    parserOptions: {
      project: './src/api/dashboard/page/tsconfig.json',
      tsconfigRootDir: import.meta.dirname,
    },
  },
}

/** Tests reach into things, hand in fakes, and may assert that something is there. */
const tests = {
  files: ['test/**/*.ts'],
  rules: {
    '@typescript-eslint/no-non-null-assertion': 'off',
    '@typescript-eslint/no-empty-function': 'off',
    '@typescript-eslint/unbound-method': 'off',
  },
}

const plainJavaScript = {
  files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
  extends: [tseslint.configs.base],
  rules: { eqeqeq: 'error', 'prefer-const': 'error', 'no-var': 'error', 'no-unreachable': 'error' },
}

// ESLint reads the default export; the house rule against them ends at a tool's own interface.
export default defineConfig([
  { ignores: ['dist/', 'node_modules/', 'data/', 'models/'] },
  typescript,
  page,
  tests,
  plainJavaScript,
])
