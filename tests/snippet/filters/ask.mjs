// Asks a filter engine what a set of filter lists does to requests; test_filter_lists.py starts it.
// Reads {engine, lists, requests: [{origin, url, type}]} on stdin. Writes for every request `verdict` (0: no rule
// matches, 1: blocked, 2: blocked but for an exception), `rule` (the one that decided, or null) and `left` (the
// address that remains where rules strip parameters, else null).

import { readFileSync } from 'node:fs';

const { engine: folder, lists, requests } = JSON.parse(readFileSync(0, 'utf8'));
const { StaticNetFilteringEngine, pslInit } = await import(`${folder}/index.js`);

// The package stores the public suffixes as a plain object that its own loader then refuses; without them every
// subdomain would count as another site.
const suffixes = JSON.parse(readFileSync(`${folder}/build/publicsuffixlist.json`, 'utf8'));
suffixes.buf32 = Uint32Array.from(Object.values(suffixes.buf32));
if (!pslInit().fromSelfie(suffixes)) throw new Error('the engine refused its list of public suffixes');

const engine = await StaticNetFilteringEngine.create({ noPSL: true });
await engine.useLists(lists.map(path => ({ name: path, raw: readFileSync(path, 'utf8') })));

const answers = requests.map(({ origin, url, type }) => {
  const request = { originURL: origin, url, type };
  const verdict = engine.matchRequest(request);
  const rule = verdict === 0 ? null : engine.toLogData().raw;
  return { verdict, rule, left: engine.filterQuery(request)?.redirectURL ?? null };
});
process.stdout.write(JSON.stringify(answers));
