// A device's v2 update, with the packages that balena-supervisor does it with: resumable-request
// fetches, docker-delta parses and runs rsync. The engine is made up: its images are folders.
//   node device.cjs URL BASE_FOLDER WORK_FOLDER
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Readable, promises: streams } = require('node:stream');
const tar = require('tar-stream');
const { applyDelta } = require('docker-delta');
const resumable = require('resumable-request');

const [url, baseFolder, work] = process.argv.slice(2);
const BASE_ID = '0'.repeat(64);
const targetFolder = path.join(work, 'target');
const images = new Map();

// Makes an image known as an engine does: in memory, and in the files that docker-delta reads.
function register(id, config, folder) {
  const configs = path.join(work, 'image/overlay/imagedb/content/sha256');
  fs.mkdirSync(configs, { recursive: true });
  fs.writeFileSync(path.join(configs, id), JSON.stringify(config));
  const [chain] = config.rootfs.diff_ids;
  const layer = path.join(work, 'image/overlay/layerdb', chain.replace(':', '/'));
  fs.mkdirSync(layer, { recursive: true });
  fs.writeFileSync(path.join(layer, 'cache-id'), 'made-up');
  images.set(id, { Id: `sha256:${id}`, GraphDriver: { Data: { RootDir: folder } } });
}

async function load(stream) {
  let config;
  const extract = tar.extract();
  extract.on('entry', (header, entry, next) => {
    const chunks = [];
    entry.on('data', (chunk) => chunks.push(chunk));
    entry.on('end', () => {
      if (header.name === 'config.json') config = Buffer.concat(chunks);
      next();
    });
  });
  await streams.pipeline(stream, extract);
  const id = crypto.createHash('sha256').update(config).digest('hex');
  fs.mkdirSync(targetFolder, { recursive: true });
  register(id, JSON.parse(config), targetFolder);
  console.log(`config ${JSON.stringify(JSON.parse(config).config)}`);
  return Readable.from(['loaded']);
}

const engine = {
  info: async () => ({ Driver: 'overlay', DockerRootDir: work }),
  version: async () => ({ Version: '20.10.0' }),
  getImage: (id) => ({
    inspect: async () => images.get(id.replace('sha256:', '')),
    remove: async () => {},
  }),
  loadImage: load,
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

register(BASE_ID, { rootfs: { diff_ids: [`sha256:${'1'.repeat(64)}`] } }, baseFolder);
// resumable-request says that a download has ended one interval after it has, and on this Node docker-delta
// takes it for a failure if rsync, which knows where a batch ends, is gone before that. It does the same with a
// batch that rsync itself wrote.
resumable({ url, timeout: 59000, maxRetries: 30, retryInterval: 0 })
  .on('retry', () => console.log('retry'))
  .on('error', fail)
  .on('response', (response) => {
    const size = parseInt(response.headers['content-length'] || '0', 10);
    if (response.statusCode !== 200 || size === 0) fail(`${response.statusCode}, ${size} bytes`);
    response
      .pipe(applyDelta(engine, BASE_ID, { log: () => {}, timeout: 60000 }))
      .on('id', (id) => console.log(`applied ${id}`))
      .on('error', fail);
  });
