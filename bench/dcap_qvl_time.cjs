// node dcap_qvl_time.cjs FOLDER INPUT NOW COUNT: FOLDER has node_modules, INPUT quote.bin, collateral.json and root.der.
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join, resolve } = require('node:path')

const [folder, input, now, count] = process.argv.slice(2)
const { QuoteVerifier } = createRequire(join(resolve(folder), 'package.json'))('@phala/dcap-qvl')
// CPU time, as the benchmark takes of ours.
const quote = new Uint8Array(readFileSync(join(input, 'quote.bin')))
const collateral = JSON.parse(readFileSync(join(input, 'collateral.json')))
const verifier = QuoteVerifier.newWithRootCa(readFileSync(join(input, 'root.der')))
const microseconds = []
for (let i = -count / 5; i < count; ++i) {
  const before = process.cpuUsage()
  verifier.verify(quote, collateral, Number(now))
  const { user, system } = process.cpuUsage(before)
  if (i >= 0) microseconds.push(user + system)
}
microseconds.sort((a, b) => a - b)
console.log(`microseconds=${microseconds[Math.floor(microseconds.length / 2)]}`)
