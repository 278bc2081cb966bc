// An OpenID provider for the tests: the certified library `oidc-provider` on loopback, with clients that are robots.
//
//   node provider.mjs PORT        PORT 0 takes any that is free
//
// Prints its issuer's URL, in one line, when it answers. It ends when its standard input closes, so that it does not
// outlive a test that was killed, and on SIGTERM. Before Node.js 22 the library warns of the runtime on standard error;
// nothing else is printed.
//
// Every client of CLIENTS gets access tokens (JWT, RFC 9068) by the grant `client_credentials` for whatever `resource`
// it names (RFC 8707); its secret is its name with `-secret` after it, sent in the form. One key signs at a time.
//
// Beside the provider's own paths there are controls:
//
//   POST /control/rotate               a new key signs from now on; the earlier ones stay published.
//                                      `?alg=ES256` makes one for that algorithm; the default is RS256.
//   POST /control/retire               withdraws all keys but the newest
//   POST /control/jwks-cache-control   the body is the Cache-Control of the key set from now on; empty takes it away
//   GET  /control/requests             how often each path was asked for: {"/jwks": 2, …}; the controls do not count

import { generateKeyPair, webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { Provider } from 'oidc-provider';

// The library is written for Node.js 22 and later, and needs of it only these two that Node.js 18, which stable Linux
// distributions ship, has not.
globalThis.crypto ??= webcrypto;
URL.parse ??= (...parts) => {
  try {
    return new URL(...parts);
  } catch {
    return null;
  }
};

// What each client's tokens say beyond the usual.
const CLIENTS = {
  'robot-red': { tenant: 'red' },
  'robot-green': { tenant: 'green' },
  'robot-many': { groups: ['red', 'green'] },
  'robot-stray': {},
};
const SCOPE = 'usage:read';
const KEY_KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
};

let issuer;
let keys = []; // private JWKs, the newest first
let made = 0;
let answer; // the current provider's request listener
let jwksCacheControl = '';
const requests = {};

// Keys are counted, so that two providers give different keys the same names, as can happen in life.
async function newKey(alg) {
  const [type, options] = KEY_KINDS[alg];
  const { privateKey } = await promisify(generateKeyPair)(type, options);
  made += 1;
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `key-${made}` };
}

// A provider cannot change its keys, so another takes its place. Nothing is lost with the first: what it gave away
// are JWTs, which it does not keep.
function publish(newKeys) {
  keys = newKeys;
  const { alg, kid } = keys[0];
  const provider = new Provider(issuer, {
    adapter: Forgetful,
    jwks: { keys },
    clients: Object.keys(CLIENTS).map((name) => ({
      client_id: name,
      client_secret: `${name}-secret`,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: SCOPE,
      id_token_signed_response_alg: alg,
    })),
    scopes: [SCOPE],
    ttl: { ClientCredentials: 3600 },
    extraTokenClaims: (ctx, token) => CLIENTS[token.clientId],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          audience: resource,
          scope: SCOPE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg, kid } },
        }),
      },
    },
  });
  answer = provider.callback();
}

// The storage the library asks for: it is never needed for what the tests do.
class Forgetful {
  async upsert() {}
  async find() {}
  async findByUid() {}
  async findByUserCode() {}
  async consume() {}
  async destroy() {}
  async revokeByGrantId() {}
}

const controls = {
  'POST /control/rotate': async (url) => publish([await newKey(url.searchParams.get('alg') ?? 'RS256'), ...keys]),
  'POST /control/retire': () => publish(keys.slice(0, 1)),
  'POST /control/jwks-cache-control': async (url, body) => { jwksCacheControl = body.trim(); },
  'GET /control/requests': () => requests,
};

async function control(name, url, request, response) {
  try {
    const told = await controls[name](url, await text(request));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(told ?? {}));
  } catch (fault) {
    response.statusCode = 500;
    response.end(String(fault));
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url, issuer);
  const name = `${request.method} ${url.pathname}`;
  if (name in controls) {
    control(name, url, request, response);
    return;
  }
  requests[url.pathname] = (requests[url.pathname] ?? 0) + 1;
  if (url.pathname === '/jwks' && jwksCacheControl) {
    response.setHeader('cache-control', jwksCacheControl);
  }
  answer(request, response);
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', async () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  publish([await newKey('RS256')]);
  console.log(issuer);
});
process.stdin.resume().on('close', () => process.exit());
