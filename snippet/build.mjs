// Builds the browser files of Molva's front end into snippet/built: bundle, minify, precompress, measure.
// hatch_build.py runs it with the version as argument; it never reaches the network.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { minify } from 'terser';

const here = dirname(fileURLToPath(import.meta.url));
const [version, target = join(here, 'built')] = process.argv.slice(2);

// Each build: its entry, whether it stands in for other vendors, and its largest size in brotli bytes. A larger file is a
// mistake, not a release. The aims are 1024, 1500 and 1700: whoever adds something makes room first, and lowers the number
// with every byte that is won.
const BUILDS = {
  'x.core.js': { entry: 'core.js', limit: 1180 },
  'x.js': { entry: 'x.js', limit: 3125 },
  'x.compat.js': { entry: 'x.js', compat: true, limit: 3845 },
};
// Published once and never changed: pages pin its hash.
const FROZEN = ['x.v1.js'];

const bundle = async ({ entry, compat = false }) => {
  const result = await build({
    entryPoints: [join(here, 'src', entry)],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2017',
    legalComments: 'none',
    define: { BUILD: JSON.stringify(version), COMPAT: String(compat) },
    logLevel: 'warning',
  });
  const { code } = await minify(result.outputFiles[0].text, {
    ecma: 2017,
    toplevel: true,
    compress: { passes: 4, unsafe_arrows: true, keep_fargs: false, pure_getters: true, unsafe: true, unsafe_methods: true },
    format: { ascii_only: true },
  });
  return Buffer.from(code + '\n');
};

const compress = plain => ({
  br: brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  }),
  gz: gzipSync(plain, { level: 9 }),
});

mkdirSync(target, { recursive: true });
const files = {};

const publish = (name, plain, limit = Infinity) => {
  const { br, gz } = compress(plain);
  if (br.length > limit) throw new Error(`${name} is ${br.length} bytes in brotli, over its limit of ${limit}; make it smaller`);
  writeFileSync(join(target, name), plain);
  writeFileSync(join(target, `${name}.br`), br);
  writeFileSync(join(target, `${name}.gz`), gz);
  files[name] = {
    sri: `sha384-${createHash('sha384').update(plain).digest('base64')}`,
    sizes: { plain: plain.length, br: br.length, gz: gz.length },
  };
};

for (const [name, made] of Object.entries(BUILDS)) publish(name, await bundle(made), made.limit);
for (const name of FROZEN) publish(name, readFileSync(join(here, 'frozen', name)));
process.stdout.write(JSON.stringify({ version, files }));
