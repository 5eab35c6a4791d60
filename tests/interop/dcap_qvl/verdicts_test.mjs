// Compares our verdicts with those of npm's @phala/dcap-qvl:
// `node verdicts_test.mjs DCAP_CASES CASES.json DIFFERENCES.txt`. A difference that the list does not name fails, and
// so does one that it names and that is none any more.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import qvl from '@phala/dcap-qvl'

const [program, casesFile, differencesFile] = process.argv.slice(2)

/** The list: groups of `[reason]`, then one case a line. */
function readExpected(text) {
  const reasons = new Map()
  let reason
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) reason = line.slice(1, -1)
    else if (!reason || reasons.has(line)) throw new Error(`${differencesFile}: '${line}' has no reason, or two`)
    else reasons.set(line, reason)
  }
  return reasons
}

function ourVerdicts() {
  const verdicts = new Map()
  const output = execFileSync(program, ['--verdicts', casesFile], { encoding: 'utf8', maxBuffer: 1 << 26 })
  for (const line of output.trimEnd().split('\n')) {
    const [name, code, status, advisories] = line.split('\t')
    verdicts.set(name, code === 'ok' ? accepted(status, advisories.split(' ').filter(Boolean)) : `refused ${code}`)
  }
  return verdicts
}

/** Advisories as a set: the order in which levels are merged is no part of the verdict. */
const accepted = (status, advisories) => ['accepted', status, ...[...advisories].sort()].join(' ')

const files = new Map()
function read(name) {
  if (!files.has(name)) files.set(name, readFileSync(join(dirname(casesFile), name)))
  return files.get(name)
}

function theirVerdict({ quote, collateral, root, now }) {
  try {
    const verifier = root ? qvl.QuoteVerifier.newWithRootCa(read(root)) : new qvl.QuoteVerifier()
    const report = verifier.verify(new Uint8Array(read(quote)), JSON.parse(read(collateral)), now)
    return accepted(report.status, report.advisory_ids)
  } catch (error) {
    return `refused ${String(error.message).split('\n')[0]}`
  }
}

const agree = (ours, theirs) => ours === theirs || (ours.startsWith('refused') && theirs.startsWith('refused'))
const row = (name, ours, theirs) =>
  console.log(`${name.padEnd(44)} ${ours.slice(0, 44).padEnd(44)} ${theirs.slice(0, 64)}`)

const expected = readExpected(readFileSync(differencesFile, 'utf8'))
const ours = ourVerdicts()
const found = new Map()
const cases = JSON.parse(readFileSync(casesFile, 'utf8'))
for (const one of cases) {
  const theirs = theirVerdict(one)
  const own = ours.get(one.name)
  if (own === undefined) throw new Error(`${program} gave no verdict on ${one.name}`)
  if (!agree(own, theirs)) found.set(one.name, [own, theirs])
}

const byReason = new Map()
for (const name of found.keys()) {
  const reason = expected.get(name) ?? 'NEW'
  byReason.set(reason, [...(byReason.get(reason) ?? []), name])
}
for (const [reason, names] of byReason) {
  console.log(`\n${names.length} x ${reason}`)
  for (const name of names) row(name, ...found.get(name))
}
const added = byReason.get('NEW') ?? []
const vanished = [...expected.keys()].filter((name) => !found.has(name))
for (const name of vanished) console.log(`VANISHED: ${name} (${expected.get(name)})`)
console.log(
  `\n${cases.length} cases, ${cases.length - found.size} agreements, ${found.size - added.length} expected ` +
    `differences, ${added.length} new, ${vanished.length} vanished`)
process.exit(added.length === 0 && vanished.length === 0 && cases.length > 0 ? 0 : 1)
