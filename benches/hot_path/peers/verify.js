// Signature, algorithm, expiry, issuer and audience of the bearer token: 204 or 401. The key is its DER in base64.
const key = Buffer.from('@key@', 'base64');
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

async function bearer(r) {
    const parts = r.headersIn.Authorization.slice('Bearer '.length).split('.');
    const read = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
    const rsa = await crypto.subtle.importKey('spki', key, algorithm, false, ['verify']);
    const signed = Buffer.from(parts[0] + '.' + parts[1]);
    const genuine = await crypto.subtle.verify(algorithm, rsa, Buffer.from(parts[2], 'base64url'), signed);
    const claims = read(parts[1]);
    const good = genuine && read(parts[0]).alg === 'RS256' && claims.exp > Date.now() / 1000
        && claims.iss === 'https://rs256.test' && claims.aud === 'sluice';
    r.return(good ? 204 : 401);
}

export default { bearer };
