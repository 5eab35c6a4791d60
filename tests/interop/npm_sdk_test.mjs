// Runs the unmodified npm SDK of dstack against the simulator: `node npm_sdk_test.mjs PATH_OF_SIMULATOR`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { DstackClient, getComposeHash } from '@phala/dstack-sdk'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** The compressed public key of whoever signed, from r, s and the recovery id. */
function recover(signature, digest) {
  return secp256k1.Signature.fromCompact(signature.slice(0, 64)).addRecoveryBit(signature[64])
    .recoverPublicKey(digest).toRawBytes(true)
}

/** Follows a signature chain from a public key to its root. */
function chainRoot(purpose, publicKey, [byApp, byRoot], appId) {
  const appKey = recover(byApp, keccak_256(Buffer.from(`${purpose}:${hex(publicKey)}`)))
  const issued = Buffer.concat([Buffer.from('dstack-kms-issued:'), Buffer.from(appId, 'hex'), appKey])
  return hex(recover(byRoot, keccak_256(issued)))
}

const tests = {
  async 'is reachable'({ client }) {
    assert.equal(await client.isReachable(), true)
  },

  async 'version'({ client }) {
    const { version, rev } = await client.version()
    assert.match(version, /^\d+\.\d+\.\d+$/)
    assert.equal(typeof rev, 'string')
  },

  async 'quote carries the report data'({ client }) {
    const data = createHash('sha512').update('skill-verifier-result-v1:' + '0'.repeat(64)).digest()
    const { quote, report_data: echoed } = await client.getQuote(data)
    assert.equal(echoed, hex(data))
    assert.equal(Buffer.from(quote, 'hex').subarray(568, 632).compare(data), 0)
  },

  async 'short report data is padded on the right'({ client }) {
    const { quote } = await client.getQuote('abc')
    assert.equal(quote.slice(1136, 1264), '616263'.padEnd(128, '0'))
  },

  async 'registers replay from the event log'({ client }) {
    const answer = await client.getQuote('replay')
    const quote = Buffer.from(answer.quote, 'hex')
    const replayed = answer.replayRtmrs()
    assert.equal(replayed.length, 4)
    replayed.forEach((rtmr, i) => assert.equal(rtmr, hex(quote.subarray(376 + 48 * i, 424 + 48 * i))))
    const { tcb_info: tcb } = await client.info()
    assert.deepEqual([tcb.rtmr0, tcb.rtmr1, tcb.rtmr2, tcb.rtmr3], replayed)
    assert.deepEqual(tcb.event_log, JSON.parse(answer.event_log))
  },

  async 'many quotes at once'({ client }) {
    const quotes = await Promise.all(Array.from({ length: 16 }, (_, i) => client.getQuote(`quote ${i}`)))
    quotes.forEach(({ quote }, i) => {
      assert.equal(quote.slice(1136, 1264), hex(Buffer.from(`quote ${i}`)).padEnd(128, '0'))
    })
  },

  async 'info'({ client }) {
    const info = await client.info()
    assert.equal(info.compose_hash, sha256(info.tcb_info.app_compose))
    assert.equal(info.compose_hash, info.tcb_info.compose_hash)
    assert.equal(info.app_id, info.compose_hash.slice(0, 40))
    assert.equal(JSON.parse(info.vm_config).os_image_hash, info.os_image_hash)
    assert.equal(JSON.parse(info.key_provider_info).name, 'kms')
    assert.ok(new X509Certificate(info.app_cert).ca)
    assert.equal(getComposeHash(JSON.parse(info.tcb_info.app_compose)).length, 64)
  },

  async 'keys are stable and chain to the KMS root'({ client, kmsRoot }) {
    const { app_id: appId } = await client.info()
    const key = await client.getKey('some/path', 'purpose')
    assert.equal(key.key.length, 32)
    assert.deepEqual((await client.getKey('some/path', 'other')).key, key.key)
    assert.notDeepEqual((await client.getKey('another/path', 'purpose')).key, key.key)
    const publicKey = secp256k1.getPublicKey(key.key, true)
    assert.equal(chainRoot('purpose', publicKey, key.signature_chain, appId), kmsRoot)
    assert.equal((await client.getKey('some/path', 'purpose', 'ed25519')).signature_chain[1].length, 65)
  },

  async 'TLS keys'({ client }) {
    const tls = await client.getTlsKey({ subject: 'interop', altNames: ['interop.example'], usageRaTls: true })
    const [leaf, ca] = tls.certificate_chain.map((pem) => new X509Certificate(pem))
    assert.ok(leaf.verify(ca.publicKey))
    assert.ok(leaf.checkPrivateKey(createPrivateKey(tls.key)))
    assert.equal(leaf.checkHost('interop.example'), 'interop.example')
    assert.equal(leaf.ca, false)
    assert.ok(tls.asUint8Array().length > 100)
    const bounded = await client.getTlsKey({ notBefore: 1700000000, notAfter: 1800000000 })
    assert.equal(new Date(new X509Certificate(bounded.certificate_chain[0]).validTo).getTime(), 1800000000000)
  },

  async 'sign and verify'({ client, kmsRoot }) {
    const { app_id: appId } = await client.info()
    const digest = createHash('sha256').update('text').digest()
    for (const [algorithm, data] of [['ed25519', 'text'], ['secp256k1', 'text'], ['secp256k1_prehashed', digest]]) {
      const signed = await client.sign(algorithm, data)
      assert.equal(signed.signature.length, 64)
      assert.equal(chainRoot('signing', signed.public_key, signed.signature_chain.slice(1), appId), kmsRoot)
      assert.equal((await client.verify(algorithm, data, signed.signature, signed.public_key)).valid, true)
      const other = createHash('sha256').update('other').digest()
      assert.equal((await client.verify(algorithm, other, signed.signature, signed.public_key)).valid, false)
      if (algorithm !== 'ed25519') assert.ok(secp256k1.verify(signed.signature, digest, signed.public_key))
    }
  },

  async 'errors arrive as errors'({ socket }) {
    // The SDK refuses long report data itself; what the agent says to it reaches callers of older clients.
    const unchecked = new DstackClient(socket)
    await assert.rejects(unchecked.getQuote('x'.repeat(65)), /too large/)
    await assert.rejects(unchecked.getKey('a', 'b', 'rsa'))
  },
}

async function start(simulator, folder) {
  const socket = join(folder, 'dstack.sock')
  const child = spawn(simulator, ['--socket', socket, '--state-dir', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('listening on ')) return { child, socket }
  }
  throw new Error('the simulator ended before it listened')
}

const folder = mkdtempSync(join(tmpdir(), 'interop-'))
const { child, socket } = await start(process.argv[2], folder)
let failed = 0
try {
  const kmsRoot = readFileSync(join(folder, 'kms_root_public_key.hex'), 'utf8').trim()
  for (const [name, run] of Object.entries(tests)) {
    try {
      await run({ client: new DstackClient(socket), socket, kmsRoot })
      console.log(`ok      ${name}`)
    } catch (error) {
      ++failed
      console.log(`FAILED  ${name}\n${error.stack}`)
    }
  }
} finally {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.equal(existsSync(socket), false)
  rmSync(folder, { recursive: true })
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
