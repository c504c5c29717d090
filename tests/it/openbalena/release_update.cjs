// What @balena/release-update says of two releases, asked of another API than balenaCloud's: its command always
// talks to balenaCloud, its library takes an SDK.
//   node release_update.cjs API_URL TOKEN FROM TO
// Prints JSON as the command does; an error goes to stderr as `ERROR: <message>`.
'use strict';
const { getSdk } = require('balena-sdk');
const { getUpdateInfo } = require('@balena/release-update');

const [apiUrl, token, ...releases] = process.argv.slice(2);
// Digits are an ID, as for the command.
const [from, to] = releases.map((release) => (/^[0-9]+$/.test(release) ? Number(release) : release));

async function main() {
  // In memory: nobody's session on this machine is read or written.
  const client = getSdk({ apiUrl, dataDirectory: false });
  await client.auth.loginWithToken(token);
  console.log(JSON.stringify(await getUpdateInfo(from, to, { client }), null, 2));
}

main().catch((error) => {
  console.error(`ERROR: ${error.message}`);
  process.exit(1);
});
