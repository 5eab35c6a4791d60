const fs = require('fs');
const path = require('path');
const os = require('os');

const config = JSON.parse(fs.readFileSync(path.join(os.homedir(), '.config', 'acme', 'config.json'), 'utf8'));

async function main() {
  const body = fs.readFileSync(process.argv[2], 'utf8');
  const r = await fetch(`${config.url}/posts`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${process.env.ACME_TOKEN}`, 'Content-Type': 'text/markdown' },
    body,
  });
  console.log(r.status);
}

main();
